// The main journey of a customer's program, on the client generated from /openapi.json.
//
//     node journey.js ADDRESS TOKEN

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Document = components["schemas"]["DocumentRead"];

// The letter outside the first plane shows that offsets count code points, not UTF-16 units.
const TEXT =
  "# Pumps 🧪\n\nThe ballast pump is serviced every 18 months. Spare seals are in cabinet 4.\n";
const PATIENCE_MS = 60_000;

const [address, token] = process.argv.slice(2);
assert(address && token, "usage: node journey.js ADDRESS TOKEN");
// Named, because some routes also give text or events, which this program does not ask for.
type Media = "application/json" | "application/problem+json";
const client = createClient<paths, Media>({
  baseUrl: address,
  headers: { Authorization: `Bearer ${token}` },
});

/** Gives the answer, or fails with the problem document. */
function expect<T>(answer: { data?: T; error?: unknown }): T {
  assert(answer.data !== undefined, JSON.stringify(answer.error));
  return answer.data;
}

/** Cuts a text by code points, as citations count them. */
function slice(text: string, start: number, end: number): string {
  return Array.from(text).slice(start, end).join("");
}

async function waitUntilReady(document: Document): Promise<Document> {
  const deadline = Date.now() + PATIENCE_MS;
  while (document.status === "queued" || document.status === "processing") {
    assert(Date.now() < deadline, `still ${document.status} at ${document.progress}`);
    await sleep(100);
    document = expect(
      await client.GET("/api/v1/documents/{document_id}", {
        params: { path: { document_id: document.id } },
      }),
    );
  }
  return document;
}

const me = expect(await client.GET("/api/v1/users/me"));
assert(me.permissions.includes("documents:write"));
const made = await client.POST("/api/v1/collections", { body: { name: "Engine room" } });
const collection = expect(made);
const uploaded = expect(
  await client.POST("/api/v1/collections/{collection_id}/documents", {
    params: { path: { collection_id: collection.id } },
    body: { file: [new File([TEXT], "pumps.md", { type: "text/markdown" })] },
    bodySerializer: ({ file }) => {
      const form = new FormData();
      for (const one of file) form.append("file", one);
      return form;
    },
  }),
);
assert(uploaded.documents[0]);
const document = await waitUntilReady(uploaded.documents[0]);
assert.equal(document.status, "ready", JSON.stringify(document.error));
const path = { document_id: document.id };

const found = expect(
  await client.POST("/api/v1/search", { body: { query: "ballast pump", top_k: 3 } }),
);
assert.equal(found.results[0]?.document_id, document.id);

const answer = expect(
  await client.POST("/api/v1/answers", {
    body: { question: "How often is the ballast pump serviced?" },
  }),
);
assert(answer.citations.length > 0, answer.answer);
for (const { document_id, version, start, end, quote } of answer.citations) {
  const { text } = expect(
    await client.GET("/api/v1/documents/{document_id}/text", {
      params: { path: { document_id }, query: { version } },
    }),
  );
  assert.equal(slice(text, start, end), quote);
}

const deleted = await client.DELETE("/api/v1/documents/{document_id}", {
  params: { path, header: { "If-Match": "*" } },
});
assert.equal(deleted.response.status, 204);
const gone = await client.GET("/api/v1/documents/{document_id}", { params: { path } });
assert.equal(gone.error?.status, 404);
assert.equal(gone.error?.code, "document_not_found");
const emptied = await client.DELETE("/api/v1/collections/{collection_id}", {
  params: {
    path: { collection_id: collection.id },
    header: { "If-Match": made.response.headers.get("ETag") ?? "" },
  },
});
assert.equal(emptied.response.status, 204);
console.log(`${answer.citations.length} true citations`);
