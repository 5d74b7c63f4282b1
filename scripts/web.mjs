/** Serves the page of examples/web: `npm run web`, or `npm run web -- PORT`. */
import { createServer } from "node:http";
import * as library from "../dist/index.js";
import { webFiles } from "./web-files.mjs";

const port = Number(process.argv[2] ?? 8080);
const types = {
  "": "text/html; charset=utf-8",
  css: "text/css",
  js: "text/javascript",
  json: "application/json",
  wasm: "application/wasm",
};

const files = await webFiles(library);
createServer((request, response) => {
  const name = new URL(request.url ?? "/", "http://localhost").pathname.slice(1);
  const content = files.get(name);
  response.setHeader("content-type", types[name.includes(".") ? name.split(".").pop() : ""] ?? "text/plain");
  response.statusCode = content === undefined ? 404 : 200;
  response.end(content ?? "There is no such file.");
})
  .on("error", (error) => {
    console.error(
      `The page cannot be served on port ${port}: ${error.message}. \`npm run web -- PORT\` takes another.`,
    );
    process.exit(1);
  })
  .listen(port, () => console.log(`The page is at http://localhost:${port}`));
