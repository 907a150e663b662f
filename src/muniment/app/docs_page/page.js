// Draws the API reference from openapi.json. Every text goes through textContent: nothing in the
// description of the API can become markup or script.

const VERBS = ["get", "post", "put", "patch", "delete"];
const DEEPEST = 5;
let api;

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child != null));
  return node;
}

// ---- words -------------------------------------------------------------------------------------

function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith("`")) return make("code", {}, part.slice(1, -1));
    if (part.startsWith("**")) return make("b", {}, part.slice(2, -2));
    return part;
  });
}

function prose(text) {
  const box = make("div", { class: "said" });
  for (const block of (text || "").trim().split(/\n\s*\n/).filter(Boolean)) {
    const lines = block.split("\n");
    if (lines.every((line) => /^(\* |  )/.test(line))) {
      const items = block.split(/^\* /m).filter(Boolean);
      box.append(make("ul", {}, items.map((item) => make("li", {}, inline(item.trim())))));
    } else box.append(make("p", {}, inline(lines.join(" "))));
  }
  return box;
}

function highlighted(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const box = make("pre", { tabindex: 0 });
  const token = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|true|false|null)\b/gi;
  let end = 0;
  for (const match of typeof value === "string" ? [] : text.matchAll(token)) {
    box.append(text.slice(end, match.index));
    const kind = match[1] ? (match[2] ? "k" : "s") : "n";
    box.append(make("span", { class: kind }, match[1] || match[3]), match[2] || "");
    end = match.index + match[0].length;
  }
  box.append(text.slice(end));
  return box;
}

// ---- schemas -----------------------------------------------------------------------------------

function resolve(schema) {
  let found = schema || {};
  for (let hops = 0; found.$ref && hops < DEEPEST; hops += 1) {
    const target = found.$ref.slice(2).split("/").reduce((node, step) => node?.[step], api) || {};
    found = { ...target, ...found, $ref: target.$ref, named: found.$ref.split("/").pop() };
  }
  return found;
}

const choices = (schema) => schema.anyOf || schema.oneOf || schema.allOf;

function kindOf(raw) {
  const schema = resolve(raw);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((item) => JSON.stringify(item)).join(" | ");
  if (choices(schema)) return choices(schema).map(kindOf).join(" | ");
  if (schema.type === "array") return `list of ${kindOf(schema.items)}`;
  return [schema.named || schema.type || "any value", schema.format && `(${schema.format})`]
    .filter(Boolean).join(" ");
}

function bounds(schema) {
  const words = { minimum: "≥", maximum: "≤", exclusiveMinimum: ">", exclusiveMaximum: "<",
    minLength: "length ≥", maxLength: "length ≤", minItems: "items ≥", maxItems: "items ≤", pattern: "pattern" };
  const found = [schema, ...(choices(schema) || []).map(resolve)];
  const limits = found.flatMap((one) => Object.entries(words)
    .filter(([name]) => one[name] !== undefined).map(([name, word]) => `${word} ${one[name]}`));
  if (schema.default != null) limits.push(`default ${JSON.stringify(schema.default)}`);
  return limits.length ? ` · ${limits.join(", ")}` : "";
}

function inner(raw) {
  const schema = resolve(raw);
  if (schema.properties) return schema;
  if (schema.items) return inner(schema.items);
  for (const choice of choices(schema) || []) {
    const found = inner(choice);
    if (found) return found;
  }
  return null;
}

function field(name, raw, required, depth) {
  const schema = resolve(raw);
  const nested = depth < DEEPEST ? inner(raw) : null;
  return make("li", {},
    make("span", { class: "name" }, name),
    make("span", { class: "kind" }, kindOf(raw) + bounds(schema)),
    required ? make("span", { class: "must" }, "required") : null,
    schema.description ? prose(schema.description) : null,
    nested ? fields(nested, depth + 1) : null);
}

function fields(schema, depth = 0) {
  const required = new Set(schema.required || []);
  return make("ul", { class: "fields" }, Object.entries(schema.properties)
    .map(([name, raw]) => field(name, raw, required.has(name), depth)));
}

function example(raw, depth = 0) {
  const schema = resolve(raw);
  for (const given of [schema.example, schema.examples?.[0], schema.const, schema.default, schema.enum?.[0]]) {
    if (given !== undefined) return given;
  }
  if (depth > DEEPEST) return null;
  if (choices(schema)) return example(choices(schema)[0], depth + 1);
  if (schema.properties) {
    return Object.fromEntries(Object.entries(schema.properties)
      .map(([name, one]) => [name, example(one, depth + 1)]));
  }
  if (schema.type === "array") return [example(schema.items, depth + 1)];
  const samples = { "date-time": "2026-01-31T09:30:00Z", uuid: "01981f2e-5c6a-7d1f-8a3b-2f6f0c1d9e77", uri: "https://example.com" };
  return { integer: 1, number: 0.5, boolean: true, object: {}, null: null }[schema.type]
    ?? samples[schema.format] ?? "text";
}

// ---- operations --------------------------------------------------------------------------------

function content(described) {
  return Object.entries(described?.content || {}).map(([media, { schema, examples }]) => {
    const shape = inner(schema);
    const samples = Object.values(examples || {});
    return make("div", {},
      make("div", { class: "kind" }, `${media} · ${kindOf(schema)}`),
      samples.length || !shape ? null : fields(shape),
      samples.length ? samples.map((one) => highlighted(one.value))
        : shape && media.endsWith("json") ? highlighted(example(schema)) : null);
  });
}

function answers(responses) {
  return Object.entries(responses).map(([status, described]) => make("details", { class: "answer" },
    make("summary", {},
      make("span", { class: `status ${status < "400" ? "good" : ""}` }, status),
      make("span", {}, inline(described.description || ""))),
    make("div", {}, Object.entries(described.headers || {}).map(([name, header]) =>
      field(name, { ...header.schema, description: header.description }, false, 0)), content(described))));
}

function pathNodes(path) {
  return path.split(/(\{[^}]+\})/).map((part) => part.startsWith("{") ? make("i", {}, part) : part);
}

function input(parameter) {
  const schema = resolve(parameter.schema);
  return make("input", { "data-in": parameter.in, "data-name": parameter.name,
    placeholder: schema.default ?? kindOf(parameter.schema), "aria-label": parameter.name });
}

function tryIt(path, verb, operation) {
  const media = Object.keys(operation.requestBody?.content || {})[0];
  const isJson = media?.includes("json");
  const boxes = (operation.parameters || []).map((parameter) => [parameter, input(parameter)]);
  const body = isJson
    ? make("textarea", { spellcheck: "false", "aria-label": "Body" }) : null;
  if (body) body.value = JSON.stringify(example(operation.requestBody.content[media].schema), null, 2);
  const output = make("div", { "aria-live": "polite" });
  const send = async (event) => {
    event.preventDefault();
    const button = event.target.querySelector("button");
    button.disabled = true;
    await call(path, verb, boxes, body && { media, text: body.value }, output);
    button.disabled = false;
  };
  return make("form", { class: "try", onsubmit: send },
    make("h3", {}, "Try it"),
    boxes.map(([parameter, box]) => make("label", {}, `${parameter.name}${parameter.required ? " *" : ""}`, box)),
    body ? make("label", { class: "wide" }, "Body", body) : null,
    media && !isJson ? make("p", { class: "said" }, `This call takes ${media}; use a client for it.`) : null,
    make("button", {}, `Send ${verb.toUpperCase()}`), output);
}

async function call(path, verb, boxes, body, output) {
  const headers = {};
  const query = new URLSearchParams();
  const token = document.querySelector("#token").value.trim();
  let target = path;
  for (const [parameter, box] of boxes) {
    if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(box.value));
    else if (!box.value) continue;
    else if (parameter.in === "query") query.append(parameter.name, box.value);
    else if (parameter.in === "header") headers[parameter.name] = box.value;
  }
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = body.media;
  if ([...query].length) target += `?${query}`;
  const address = new URL(target.slice(1), new URL(".", location.href));
  const started = performance.now();
  try {
    const answer = await fetch(address, { method: verb.toUpperCase(), headers, body: body?.text, credentials: "omit" });
    const text = await answer.text();
    let shown = text;
    try { shown = JSON.parse(text); } catch { /* not JSON: shown as it is */ }
    output.replaceChildren(
      make("p", { class: "result" },
        make("span", { class: `status ${answer.ok ? "good" : ""}` }, `${answer.status} ${answer.statusText}`),
        `  ${Math.round(performance.now() - started)} ms`,
        answer.headers.has("etag") ? `  ETag ${answer.headers.get("etag")}` : ""),
      text ? highlighted(shown) : "");
  } catch (error) {
    output.replaceChildren(make("p", { class: "result" }, `No answer: ${error.message}`));
  }
}

function article({ path, verb, operation }) {
  const id = operation.operationId;
  const locked = operation.security?.some((need) => Object.keys(need).length);
  const parameters = operation.parameters || [];
  const details = make("details", { id },
    make("summary", {},
      make("span", { class: `verb ${verb}` }, verb),
      make("span", { class: "path" }, pathNodes(path)),
      locked ? make("span", { class: "lock", title: "needs a bearer token" }, "token") : null,
      make("span", { class: "gist" }, operation.summary || "")));
  details.addEventListener("toggle", () => {
    if (!details.open || details.querySelector(".body")) return;
    details.append(make("div", { class: "body" },
      prose(operation.description),
      parameters.length ? make("h3", {}, "Parameters") : null,
      make("ul", { class: "fields" }, parameters.map((one) =>
        field(`${one.name}`, { ...one.schema, description: [`In the ${one.in}.`, one.description].filter(Boolean).join(" ") }, one.required, 0))),
      operation.requestBody ? [make("h3", {}, "Body"), content(operation.requestBody)] : null,
      make("h3", {}, "Answers"), answers(operation.responses), tryIt(path, verb, operation)));
  });
  return make("article", { "data-words": `${id} ${verb} ${path} ${operation.summary || ""}`.toLowerCase() }, details);
}

function draw() {
  const groups = new Map((api.tags || []).map((tag) => [tag.name, { about: tag.description, all: [] }]));
  for (const [path, operations] of Object.entries(api.paths)) {
    for (const verb of VERBS.filter((one) => operations[one])) {
      const operation = operations[verb];
      const tag = operation.tags?.[0] || "other";
      if (!groups.has(tag)) groups.set(tag, { all: [] });
      groups.get(tag).all.push({ path, verb, operation });
    }
  }
  document.querySelector("#version").textContent = api.info.version;
  const main = document.querySelector("main");
  const index = document.querySelector("#index");
  main.replaceChildren(make("div", { class: "intro" }, make("h1", {}, "API reference"), prose(api.info.description)));
  for (const [tag, { about, all }] of groups) {
    if (!all.length) continue;
    const title = tag[0].toUpperCase() + tag.slice(1);
    main.append(make("section", {}, make("h2", {}, title), make("p", {}, about || ""), all.map(article)));
    index.append(make("div", {}, make("h2", {}, title), all.map(({ path, verb, operation }) =>
      make("a", { href: `#${operation.operationId}`, title: path,
        "data-words": `${operation.operationId} ${verb} ${path} ${operation.summary || ""}`.toLowerCase() },
      make("span", { class: `verb ${verb}` }, verb), make("span", {}, operation.summary || path)))));
  }
}

function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
}

function narrow(words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  for (const node of document.querySelectorAll("[data-words]")) {
    node.classList.toggle("none", !wanted.every((word) => node.dataset.words.includes(word)));
  }
  for (const group of document.querySelectorAll("section, #index > div")) {
    group.classList.toggle("none", !group.querySelector("[data-words]:not(.none)"));
  }
}

const filter = document.querySelector("#filter");
filter.addEventListener("input", () => narrow(filter.value));
addEventListener("hashchange", reveal);
addEventListener("keydown", (event) => {
  if (event.key === "/" && !/INPUT|TEXTAREA/.test(document.activeElement.tagName)) {
    event.preventDefault();
    filter.focus();
  }
});
try {
  const answer = await fetch("openapi.json");
  if (!answer.ok) throw new Error(`openapi.json answered ${answer.status}`);
  api = await answer.json();
  draw();
  reveal();
} catch (error) {
  document.querySelector("main").replaceChildren(make("p", {}, `The reference cannot be drawn: ${error.message}`));
}
