/**
 * Two workers and one lock, on a cluster that runs `locks/1`. The first one sleeps beyond its lease, and writes when it wakes up.
 *
 *     deno run -A --no-lock examples/locks/main.ts [cluster file]
 */
import { clusterIn, command, say } from "../command.ts";
import { FencedRegister } from "./fenced_register.ts";
import { LockClient } from "./lock_client.ts";
import { locks } from "./machine.ts";

const [path = ".pbft/cluster.json"] = Deno.args;

await command(async () => {
  const cluster = await clusterIn(path, locks.version);
  const [ada, grace] = [new LockClient({ cluster }), new LockClient({ cluster })];
  ada.onTrouble = grace.onTrouble = say;
  const printer = new FencedRegister();
  try {
    const held = await ada.acquire("printer");
    console.log("ada holds the printer");
    if (await grace.tryAcquire("printer") === null) console.log("grace is refused");
    await held.release();

    // Ada takes it for a moment, sleeps, and does not renew. Grace waits, and is next when that moment of agreed time has passed.
    const first = await ada.acquire("printer", { leaseMs: 500 });
    const second = await grace.acquire("printer");
    console.log(`ada sleeps, and grace gets it, with a greater token: ${second.token > first.token}`);
    await second.during((_signal, token) => Promise.resolve(printer.write(token, "grace's page")));

    try {
      printer.write(first.token, "ada's page");
    } catch (error) {
      console.log(`ada wakes up and is refused: ${error instanceof Error ? error.name : error}`);
    }
    console.log(`printed: ${printer.value}`);
    await second.release();
  } finally {
    ada.close();
    grace.close();
  }
});
