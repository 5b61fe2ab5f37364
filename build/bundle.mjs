// Builds dist/: the host, the node, the lab, the desktop shell and its preload with rolldown, the console with Vite.
import { rmSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { build } from 'vite';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
const external = ['electron', ...builtinModules, /^node:/];

async function bundle(input, output) {
  const bundled = await rolldown({
    input: join(root, input),
    platform: 'node',
    external,
    // NeDB has a browser form that the node form must not be mistaken for.
    resolve: { conditionNames: ['node', 'import', 'require', 'default'] },
    onLog: (level, log, handler) => (log.code === 'EVAL' ? undefined : handler(level, log)),
  });
  await bundled.write({
    file: join(dist, output.file),
    format: output.format,
    sourcemap: true,
    minify: false,
  });
  await bundled.close();
}

rmSync(dist, { recursive: true, force: true });
await Promise.all([
  bundle('broker/host/headless.ts', { file: 'warren.mjs', format: 'esm' }),
  bundle('broker/node/child.ts', { file: 'node.mjs', format: 'esm' }),
  bundle('broker/lab/child.ts', { file: 'lab.mjs', format: 'esm' }),
  bundle('electron/main.ts', { file: 'main.mjs', format: 'esm' }),
  bundle('electron/preload.ts', { file: 'preload.cjs', format: 'cjs' }),
  build({ configFile: join(root, 'renderer', 'vite.config.ts'), logLevel: 'warn' }),
]);
