// `npm test`: every check that must hold, static ones first, then the tests. Names what failed and counts the
// tests; exits 1 when anything failed. `npm test -- NAME...` runs the named checks only.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const results = join(root, 'test-results');

/** Static checks are independent of each other and run two at a time; tests want the machine to themselves. */
const staticChecks = {
  format: ['npm', 'run', '--silent', 'format:check'],
  lint: ['npm', 'run', '--silent', 'lint'],
  types: ['npm', 'run', '--silent', 'check'],
  imports: ['npm', 'run', '--silent', 'check:imports'],
  unused: ['npm', 'run', '--silent', 'check:unused'],
};
const testChecks = {
  unit: vitest('unit', 'vitest.config.ts'),
  e2e: vitest('e2e', 'test/e2e/vitest.config.ts'),
};

function vitest(name, config) {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=test-results/${name}.json`];
  return ['npx', '--no-install', 'vitest', 'run', '--config', config, ...reporters];
}

/** Runs one check; its output is shown whole, once it has ended, when it is quiet, else as it comes. */
function run(name, [command, ...args], quiet) {
  const startedAt = Date.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
      shell: process.platform === 'win32',
    });
    let output = '';
    child.stdout?.on('data', (chunk) => (output += chunk));
    child.stderr?.on('data', (chunk) => (output += chunk));
    child.once('error', (error) => (output += error.message));
    child.once('close', (code) => {
      const passed = code === 0;
      if (quiet && !passed) process.stdout.write(output);
      console.log(
        `${passed ? 'ok    ' : 'FAILED'} ${name} (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`,
      );
      resolve({ name, passed });
    });
  });
}

async function runStatic(names) {
  const outcomes = [];
  const queue = [...names];
  const lane = async () => {
    for (let name = queue.shift(); name; name = queue.shift())
      outcomes.push(await run(name, staticChecks[name], true));
  };
  await Promise.all([lane(), lane()]);
  return outcomes;
}

/** Skipped tests by name too: each says which peer is missing. */
function countTests(names) {
  const sum = { passed: 0, failed: 0, skipped: 0, skippedNames: [] };
  for (const name of names) {
    const file = join(results, `${name}.json`);
    if (!existsSync(file)) continue;
    const report = JSON.parse(readFileSync(file, 'utf8'));
    sum.passed += report.numPassedTests;
    sum.failed += report.numFailedTests;
    sum.skipped += report.numPendingTests;
    for (const { assertionResults } of report.testResults)
      for (const { status, fullName } of assertionResults)
        if (status === 'skipped' || status === 'pending') sum.skippedNames.push(fullName);
  }
  return sum;
}

const all = [...Object.keys(staticChecks), ...Object.keys(testChecks)];
const wanted = process.argv.length > 2 ? process.argv.slice(2) : all;
const unknown = wanted.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`unknown check ${unknown.join(', ')}; there are ${all.join(', ')}`);
  process.exit(2);
}

mkdirSync(results, { recursive: true });
const tests = wanted.filter((name) => name in testChecks);
for (const name of tests) rmSync(join(results, `${name}.json`), { force: true });
const outcomes = await runStatic(wanted.filter((name) => name in staticChecks));
for (const name of tests) outcomes.push(await run(name, testChecks[name], false));

const failed = outcomes.filter((each) => !each.passed).map((each) => each.name);
if (failed.length > 0) console.log(`failed: ${failed.join(', ')}`);
const { passed, failed: failedTests, skipped, skippedNames } = countTests(tests);
for (const name of skippedNames) console.log(`skipped: ${name}`);
console.log(`tests: ${passed} passed, ${failedTests} failed, ${skipped} skipped`);
process.exit(failed.length > 0 ? 1 : 0);
