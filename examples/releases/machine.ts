/**
 * A register of releases: who published what, and when. A version is written once. Each entry has a root: a hash over the entry and the root
 * before it. So two people who compare one root have seen the same entries, and whoever has kept one sees whether an entry was changed since.
 */
// deno-lint-ignore no-import-prefix -- in the import map everybody who runs a replica would download it
import * as v from "npm:valibot@1.5.0";
import { collection, counter, defineMachine } from "@pbft/edge/machine";
import { NO_ENTRIES, rootAfter } from "./root.ts";

const name = v.pipe(v.string(), v.regex(/^[a-z0-9@][a-z0-9@/._-]{0,127}$/));
const version = v.pipe(v.string(), v.regex(/^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$/));
const digest = v.pipe(v.string(), v.regex(/^sha256-[0-9a-f]{64}$/));
const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const number = v.pipe(natural, v.minValue(1));

/** An entry of the register. */
export const Entry = v.object({
  /** Its place: 1, 2, 3 and so on. */
  number,
  name,
  version,
  digest,
  /** The key that signed the request to publish it. */
  publisher: v.string(),
  /** The publisher's own words for who this is. Nothing checks them; the key is what counts. */
  by: v.pipe(v.string(), v.maxLength(128)),
  /** When the replicas agreed on it, ms since 1970. */
  time: natural,
  /** The sequence number of the batch that it was in. */
  sequence: natural,
  root: v.string(),
});
export type Entry = v.InferOutput<typeof Entry>;

/** The most entries of one answer. */
export const PAGE = 100;

export const releases = defineMachine({
  name: "releases",
  version: 1,
  state: {
    entries: collection(Entry, { key: natural }),
    numbers: collection(number, { key: v.tuple([name, version]) }),
    owners: collection(v.string()),
    count: counter(),
  },
  errors: {
    published: v.object({ number, digest }),
    notYours: v.object({ owner: v.string() }),
  },
  operations: {
    /** Writes a release. A name belongs to the key that has published under it first. The same again gives the same entry. */
    publish: {
      input: v.object({ name, version, digest, by: v.optional(v.pipe(v.string(), v.maxLength(128)), "") }),
      run({ entries, numbers, owners, count }, { name, version, digest, by }, { client, time, sequence, reject }) {
        const owner = owners.get(name) ?? client;
        if (owner !== client) reject("notYours", { owner });
        const before = entries.get(numbers.get([name, version]) ?? 0);
        if (before && before.digest !== digest) reject("published", { number: before.number, digest: before.digest });
        if (before) return before;
        const root = entries.get(count.value)?.root ?? NO_ENTRIES;
        const facts = { number: count.next(), name, version, digest, publisher: client, by, time, sequence };
        const entry = { ...facts, root: rootAfter(root, facts) };
        entries.set(entry.number, entry);
        numbers.set([name, version], entry.number);
        owners.set(name, client);
        return entry;
      },
    },
  },
  queries: {
    /** How many entries there are, and the root of the last. */
    head: {
      run: ({ entries, count }) => ({ count: count.value, root: entries.get(count.value)?.root ?? NO_ENTRIES }),
    },
    /** Entries in their order, after a number. */
    entries: {
      input: v.object({ after: natural }),
      run: ({ entries }, { after }) => entries.range({ after, limit: PAGE }).map(([, entry]) => entry),
    },
    /** A release. */
    find: {
      input: v.object({ name, version }),
      run: ({ entries, numbers }, { name, version }) => entries.get(numbers.get([name, version]) ?? 0) ?? null,
    },
  },
});

/** What `pbft simulate` and the tests let clients do, drawn at random. */
export const workload = {
  operation(random: { chance(probability: number): boolean; int(min: number, max: number): number }, id: number) {
    const name = `package-${random.int(1, 6)}`;
    const digest = `sha256-${`${random.chance(0.8) ? id : 0}`.padStart(64, "0")}`;
    return releases.encode("publish", { name, version: `1.${random.int(0, 9)}`, digest });
  },
  query: () => releases.encode("head"),
};
