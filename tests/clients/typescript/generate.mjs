// Writes the TypeScript types of an OpenAPI document: generate.mjs OPENAPI.json SCHEMA.d.ts

import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const [source, target] = process.argv.slice(2);
const blob = ts.factory.createTypeReferenceNode("Blob");
const ast = await openapiTS(JSON.parse(await readFile(source, "utf8")), {
  // What has a default may be left out of a request.
  defaultNonNullable: false,
  // Files are sent as blobs; without this they would be strings.
  transform: (schema) => (schema.format === "binary" ? blob : undefined),
});
await writeFile(target, astToString(ast));
