# tsc, eslint, vitest, jest, node, npm.
new script && {
    ln -s /srv/tools/node/node_modules /srv/project/node_modules
    put package.json <<< '{"name": "shop", "version": "1.0.0", "private": true, "type": "module", "scripts": {"test": "vitest run"}}'
    put tsconfig.json <<< '{"compilerOptions": {"strict": true, "noEmit": true, "target": "es2022", "module": "nodenext", "types": []}, "include": ["src"]}'
    put src/cart.ts <<< 'import { tax } from "./tax.js";
import leftPad from "left-pad";

export function total(prices: number[]): number {
  return prices.reduce((sum, price) => sum + price, "0");
}

export const name: string = leftPad(1) + tax;'
    record tsc-type tsc 'tsc'
    record tsc-pretty tsc 'tsc --pretty'
    put src/cart.ts <<< 'export function total(prices: number[] {
  return prices.length;
}'
    record tsc-syntax tsc 'tsc'
    record tsc-no-file tsc 'tsc src/absent.ts'
    put eslint.config.mjs <<< 'export default [{ files: ["src/*.js"], rules: { "no-undef": "error", "no-unused-vars": "warn", eqeqeq: "error" } }];'
    put src/a.js <<< 'const left = 1;
if (wrong == 2) {
  console.log("x");
}'
    put src/b.js <<< 'function broken( {
  return 1;
}'
    record eslint-rules eslint 'eslint src/a.js'
    record eslint-syntax eslint 'eslint src/b.js'
    record eslint-json eslint 'eslint -f json src > report'
    report eslint.json
    record prettier-check prettier 'printf "let  x = 1\n" > src/odd.js; prettier --check --no-color src > report 2>&1; rm src/odd.js; true'
    report prettier.txt
    record eslint-colour eslint 'FORCE_COLOR=1 eslint src'
    rm /srv/project/eslint.config.mjs
    record eslint-no-config eslint 'eslint src'
    put src/total.js <<< 'export function total(prices) {
  return prices.map((price) => price.amount).reduce((a, b) => a + b, 1);
}'
    put src/total.test.js <<< 'import { expect, test, describe } from "vitest";
import { total } from "./total.js";

describe("total", () => {
  test("adds up", () => {
    expect(total([{ amount: 1 }, { amount: 2 }])).toBe(3);
  });
  test("takes nothing", () => {
    total([null]);
  });
  test("is a number", () => {
    expect(typeof total([])).toBe("number");
  });
  test.skip("is fast", () => {});
});'
    put src/other.test.js <<< 'import { x } from "./absent.js";
test("x", () => {});'
    record vitest-failing vitest 'vitest run --dir src total'
    record vitest-colour vitest 'FORCE_COLOR=1 vitest run --dir src total'
    record vitest-no-module vitest 'vitest run --dir src other'
    record vitest-json vitest 'vitest run --dir src --reporter json --outputFile report; true'
    report vitest.json
    record vitest-junit vitest 'vitest run --dir src --reporter junit --outputFile report; true'
    report vitest-junit.xml
    record vitest-timeout vitest 'printf "import { test } from \"vitest\";\ntest(\"waits\", async () => { await new Promise(() => {}); }, 300);\n" > src/slow.test.js; vitest run --dir src slow; r=$?; rm src/slow.test.js; exit $r'
    record npm-test npm 'npm test'
    rm /srv/project/src/*
    put package.json <<< '{"name": "shop", "version": "1.0.0", "private": true}'
    put total.js <<< 'module.exports = (prices) => prices.reduce((a, b) => a + b.amount, 1);'
    put total.test.js <<< 'const total = require("./total");

test("adds up", () => {
  expect(total([{ amount: 1 }, { amount: 2 }])).toBe(3);
});

test("takes nothing", () => {
  total([null]);
});

test("is a number", () => {
  expect(typeof total([])).toBe("number");
});'
    put other.test.js <<< 'const gone = require("gone-for-good");
test("x", () => {});'
    record jest-failing jest 'jest total'
    record jest-colour jest 'FORCE_COLOR=1 jest total'
    record jest-no-module jest 'jest other'
    record jest-json jest 'jest --json --outputFile report > /dev/null 2>&1'
    report jest.json
    record jest-junit jest 'JEST_JUNIT_OUTPUT_FILE=report jest --reporters jest-junit > /dev/null 2>&1'
    report jest-junit.xml
    rm /srv/project/*.js
    put run.js <<< 'function price(item) {
  return item.amount.toFixed(2);
}
function total(items) {
  return items.map(price);
}
console.log(total([{}]));'
    record node-type-error node 'node run.js'
    put bad.js <<< 'const a = {
  b: 1,,
};'
    record node-syntax node 'node bad.js'
    put need.js <<< 'require("not-installed");'
    record node-no-module node 'node need.js'
    put need.mjs <<< 'import "./absent.mjs";'
    record node-no-esm node 'node need.mjs'
    put read.js <<< 'require("fs").readFileSync("prices.csv");'
    record node-enoent node 'node read.js'
    put write.js <<< 'require("fs").writeFileSync("/etc/prices.csv", "");'
    record node-eacces node "$as_ada node write.js"
    put listen.js <<< 'const net = require("net");
const first = net.createServer().listen(0, "127.0.0.1", () => {
  net.createServer().listen(first.address().port, "127.0.0.1");
});'
    record node-port node 'node listen.js'
    put connect.js <<< 'require("net").connect(9, "127.0.0.1");'
    record node-refused node 'node connect.js'
    put lookup.js <<< 'require("https").get("https://prices.invalid/");'
    record node-dns node 'node lookup.js'
    put async.mjs <<< 'import assert from "node:assert";
async function check() {
  assert.strictEqual(1 + 1, 3);
}
await check();'
    record node-assert node 'node async.mjs'
    put reject.js <<< 'async function load(id) {
  throw new Error("no such order: " + id);
}
load(7);'
    record node-rejection node 'node reject.js'
    put heap.js <<< 'const all = [];
while (true) all.push(new Array(10000).fill("x"));'
    record node-heap node 'node --max-old-space-size=20 heap.js'
    put unit.test.mjs <<< 'import test from "node:test";
import assert from "node:assert";
test("adds up", () => { assert.strictEqual(1 + 1, 3); });
test("is fine", () => {});'
    record node-test node 'node --test unit.test.mjs'
    record npm-no-script npm 'npm run biuld'
    record npm-no-package npm 'rm package.json; npm install'
    put package.json <<< '{"name": "shop", "version": "1.0.0", "dependencies": {"left-pad-of-nobody-at-all": "1"}}'
    rm /srv/project/node_modules
    record npm-404 npm 'npm install'
    put package.json <<< '{"name": "shop", "version": "1.0.0", "dependencies": {"react": "18.2.0", "react-dom": "17.0.2"}}'
    record npm-eresolve npm 'npm install'
    put package.json <<< '{"name": "shop", "version": "1.0.0",, }'
    record npm-json npm 'npm install'
    put package.json <<< '{"name": "shop", "version": "1.0.0", "dependencies": {"ms": "2.1.3"}}'
    record npm-network npm 'npm install --registry http://127.0.0.1:9/ --fetch-retries 0'
    record npm-eacces npm "chmod 755 . ; $as_ada npm install --cache /srv/ada/cache; r=\$?; chmod 777 .; exit \$r"
    rm /srv/project/package.json
    ask npm-init npm 'npm init'
}
