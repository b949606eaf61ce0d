/**
 * Locks with leases. A lock is held until an agreed time, by one holder at a time; those who wait get it in the order in which they came; and
 * each holder gets a fencing token that is greater than all before it.
 */
// deno-lint-ignore no-import-prefix -- in the import map everybody who runs a replica would download it
import * as v from "npm:valibot@1.5.0";
import { collection, counter, defineMachine } from "@pbft/edge/machine";

/** Bounds of a lease, ms. */
export const LEASE_MS = { least: 100, most: 3_600_000 };
/** Who waits keeps a place for so long, ms of agreed time. Each call of `acquire` keeps it for as long again. */
export const PLACE_MS = 10_000;
/** So many may wait for one lock. */
export const MOST_WAITING = 100;

const name = v.pipe(v.string(), v.minLength(1), v.maxLength(128));
const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const leaseMs = v.pipe(natural, v.minValue(LEASE_MS.least), v.maxValue(LEASE_MS.most));

/** Who holds a lock, or waits for it: a client's key, and a text of its own for each attempt, as one client may have many. */
const attempt = { client: v.string(), as: name };

export const locks = defineMachine({
  name: "locks",
  version: 1,
  state: {
    leases: collection(v.object({ ...attempt, token: natural, until: natural }), { expires: "until" }),
    line: collection(v.object({ ...attempt, until: natural }), {
      key: v.tuple([v.string(), v.number()]), // the lock and a ticket
      expires: "until",
    }),
    tickets: counter(),
    tokens: counter(),
  },
  errors: {
    held: v.object({ until: natural, waiting: natural }),
    crowded: v.object({ waiting: natural }),
    lost: v.undefined(),
  },
  operations: {
    /** Takes the lock if it is free and nobody else is first in line. Otherwise waits in line, or is rejected. */
    acquire: {
      input: v.object({ lock: name, as: name, leaseMs, wait: v.optional(v.boolean(), false) }),
      run({ leases, line, tickets, tokens }, { lock, as, leaseMs, wait }, { client, time, reject }) {
        const held = leases.get(lock);
        // Asked again, because the first answer was lost.
        if (held?.client === client && held.as === as) return granted(held);
        const waiting = line.range({ prefix: [lock] });
        const place = waiting.findIndex(([, each]) => each.client === client && each.as === as);
        const ahead = place === -1 ? waiting.length : place;
        const ticket = waiting[place]?.[0];
        if (!held && ahead === 0) {
          if (ticket) line.delete(ticket);
          const lease = { client, as, token: tokens.next(), until: time + leaseMs };
          leases.set(lock, lease);
          return granted(lease);
        }
        if (!wait) reject("held", { until: held?.until ?? time, waiting: waiting.length });
        if (!ticket && ahead >= MOST_WAITING) reject("crowded", { waiting: ahead });
        line.set(ticket ?? [lock, tickets.next()], { client, as, until: time + PLACE_MS });
        return { granted: false as const, ahead: ahead + (held ? 1 : 0) };
      },
    },
    /** Keeps a lock for longer, from now on. `lost`: the lease has ended, and another may hold the lock. */
    renew: {
      input: v.object({ lock: name, token: natural, leaseMs }),
      run({ leases }, { lock, token, leaseMs }, { client, time, reject }) {
        const held = leases.get(lock);
        if (held?.client !== client || held.token !== token) return reject("lost");
        const lease = { ...held, until: Math.max(held.until, time + leaseMs) };
        leases.set(lock, lease);
        return granted(lease);
      },
    },
    /** Gives a lock back. `false`: it was not held with this token any more. */
    release: {
      input: v.object({ lock: name, token: natural }),
      run({ leases }, { lock, token }, { client }) {
        const held = leases.get(lock);
        return held?.client === client && held.token === token && leases.delete(lock);
      },
    },
    /** Gives a place in line back, and the lock too if this attempt has got it meanwhile. */
    leave: {
      input: v.object({ lock: name, as: name }),
      run({ leases, line }, { lock, as }, { client }) {
        const held = leases.get(lock);
        if (held?.client === client && held.as === as) return leases.delete(lock);
        const own = line.range({ prefix: [lock] }).find(([, each]) => each.client === client && each.as === as);
        return own !== undefined && line.delete(own[0]);
      },
    },
  },
  queries: {
    /** Who holds a lock, and how many wait for it. */
    look: {
      input: name,
      run({ leases, line }, lock) {
        const { client, token, until } = leases.get(lock) ?? {};
        const waiting = line.range({ prefix: [lock] });
        const first = waiting[0]?.[1].as ?? null;
        return { holder: client ?? null, token: token ?? null, until: until ?? null, waiting: waiting.length, first };
      },
    },
    /** The locks that are held, in the order of their names: at most 100 of them, after a name. */
    list: {
      input: v.object({ after: v.optional(v.string()) }),
      run: ({ leases }, { after }) =>
        leases.range({ ...(after !== undefined && { after }), limit: 100 }).map(([lock, { client, token, until }]) => ({
          ...{ lock, holder: client, token, until },
        })),
    },
  },
});

function granted({ token, until }: { readonly token: number; readonly until: number }) {
  return { granted: true as const, token, until };
}

/** What `pbft simulate` and the tests let clients do, drawn at random: few locks and short leases, so that many want the same. */
export const workload = {
  operation(random: { chance(probability: number): boolean; int(min: number, max: number): number }, id: number) {
    const lock = `lock ${random.int(1, 2)}`;
    const leaseMs = random.int(LEASE_MS.least, 3_000);
    const token = random.int(1, 40);
    if (random.chance(0.6)) {
      const as = `${random.chance(0.5) ? random.int(1, 5) : id}`;
      return locks.encode("acquire", { lock, as, leaseMs, wait: random.chance(0.6) });
    }
    if (random.chance(0.4)) return locks.encode("renew", { lock, token, leaseMs });
    return random.chance(0.8)
      ? locks.encode("release", { lock, token })
      : locks.encode("leave", { lock, as: `${random.int(1, 5)}` });
  },
  query: () => locks.encode("look", "lock 1"),
};
