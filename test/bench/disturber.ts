// The process that disturbs while the generator's probe measures: a process of its own, so that the probe is not
// what is kept waiting.
import { Desk, disturbances, type DisturbanceName, type DisturbancePorts } from './load/disturbances.ts';

async function disturb(name: DisturbanceName, ports: DisturbancePorts): Promise<void> {
  const desk = await Desk.open(ports);
  const begin = await disturbances[name](desk);
  process.send!('prepared');
  await said('begin');
  let ended = false;
  const end = said('end').then(() => (ended = true));
  process.send!('begun');
  await begin(() => ended);
  await end;
  await desk.clear();
}

function said(word: string): Promise<void> {
  return new Promise((resolve) => {
    process.on('message', (message) => {
      if (message === word) resolve();
    });
  });
}

process.once('message', ({ name, ports }: { name: DisturbanceName; ports: DisturbancePorts }) => {
  disturb(name, ports).then(
    () => process.send!('ended', () => process.exit(0)),
    (error: unknown) => process.send!({ error: String(error) }, () => process.exit(1)),
  );
});
