/** Two instances of a member over one store whose look for newer records answers late, while epochs end. */
import { assertEquals } from "@std/assert";
import type { Loaded, Store, Version } from "../../src/node/ports.ts";
import { Random } from "../../src/testing/random.ts";
import { FOUR, Members, until } from "./_epochs.ts";

const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** A store whose `newer` gives what was there some turns ago. So it may give the end of an epoch that is over by then. */
function answeringLate(store: Store, random: Random): Store {
  const newer = async (than: Version): Promise<Loaded | null> => {
    const loaded = await store.load();
    const turns = random.int(0, 6);
    for (let i = 0; i < turns; i++) await turn();
    return loaded.version > than ? loaded : null;
  };
  return new Proxy(store, {
    get(target, name) {
      if (name === "newer") return newer;
      const value = target[name as keyof Store] as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

Deno.test("two instances on one store follow each other over epochs, however old the news of the store is", async () => {
  for (let seed = 1; seed <= 3; seed++) {
    const random = new Random(seed);
    const wrap = (_name: string, store: Store) => answeringLate(store, random);
    const [first, second] = [new Members(), new Members()];
    first.wrap = second.wrap = wrap;
    for (const name of FOUR) await first.open(name, { persistInputs: true });
    for (const name of FOUR) {
      second.stores.set(name, first.stores.get(name)!);
      await second.open(name, { persistInputs: true });
    }
    let n = 0;
    for (let epoch = 0; epoch < 3; epoch++) {
      const count = async (cluster: Members) => {
        n++;
        const by = FOUR[n % 4]!;
        assertEquals(await cluster.vouch(by, `client ${n}`, 1, "INCR n"), `ok ${n}`, `seed ${seed}`);
      };
      for (let i = 0; i < 3; i++) await count([first, second][i % 2]!);
      const cluster = [first, second][epoch % 2]!;
      const operation = await first.operation(first.member("Ball").epoch, { checkpointInterval: [4, 16, 8][epoch]! });
      const answer = await cluster.vouch(FOUR[epoch]!, `admin ${epoch}`, 1, operation);
      assertEquals(answer.slice(0, 2), "ok", answer);
      await until(`seed ${seed}: all instances are in epoch ${epoch + 1}`, async () => {
        const all = [first, second].flatMap((one) => FOUR.map((name) => one.member(name)));
        // As the host of each does on every event: one that was behind when an epoch ended has to ask for the next one.
        await Promise.all(all.map((member) => member.poke()));
        await Promise.all(all.map((member) => member.node?.wake().catch(() => {})));
        return all.every((member) => member.epoch.number === epoch + 1 && member.node !== null);
      });
    }
    for (const one of [first, second]) {
      for (const name of FOUR) assertEquals(one.node(name).status().halted, undefined, `seed ${seed}, ${name}`);
    }
    assertEquals([...first.failures, ...second.failures], [], `seed ${seed}`);
    await second.close();
    await first.close();
  }
});
