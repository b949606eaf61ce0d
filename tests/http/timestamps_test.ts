import { assert, assertEquals } from "@std/assert";
import { type Millis, replicaId } from "../../src/core/messages/ids.ts";
import { Timestamps } from "../../src/http/routes/timestamps.ts";

const AGREED = 1_800_000_000_000 as Millis;
const timestamps = (startedAt: number) => new Timestamps(replicaId(2), 4, () => startedAt as Millis);

// Found by the simulator: the gateway crashed with an operation on its way, and gave its timestamp to the name's next one.
Deno.test("a gateway that was started again makes other timestamps than before, though no time has been agreed meanwhile", () => {
  // A name that has used nothing, and one that has used a higher one.
  for (const timestamp of [-1, AGREED * 1000 + 5_000_000]) {
    const made = (startedAt: number) => {
      const gateway = timestamps(startedAt);
      return [1, 2, 3].map(() => gateway.next({ timestamp, agreedTime: AGREED }));
    };
    for (const laterMs of [1, 2, 37, 500, 1_000, 5_000, 60_000]) {
      const before = made(1_790_000_000_000);
      assertEquals(made(1_790_000_000_000 + laterMs).filter((one) => before.includes(one)), [], `${laterMs} ms later`);
    }
  }
});

Deno.test("timestamps are this member's, above what the name has used, and within a second of the agreed time", () => {
  for (const startedAt of [0, 1, 999_999, 1_790_000_000_123]) {
    const gateway = timestamps(startedAt);
    let last = -1;
    for (let i = 0; i < 100; i++) {
      const timestamp = gateway.next({ timestamp: last, agreedTime: AGREED });
      assert(timestamp > last);
      assertEquals(timestamp % 4, 2);
      assert(timestamp >= AGREED * 1000 && timestamp < AGREED * 1000 + 1_010_000, `${timestamp}`);
      last = timestamp;
    }
  }
});
