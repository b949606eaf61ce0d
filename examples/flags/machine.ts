/** Feature flags: who gets which value, decided by rules that all programs of all companies see alike, and that only editors change. */
// deno-lint-ignore no-import-prefix -- in the import map everybody who runs a replica would download it
import * as v from "npm:valibot@1.5.0";
import { collection, counter, defineMachine } from "@pbft/edge/machine";

const name = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9._-]{0,63}$/));
const word = v.pipe(v.string(), v.maxLength(128));
const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const editor = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

/** What a flag gives. */
const Value = v.union([v.boolean(), v.pipe(v.string(), v.maxLength(256))]);
export type Value = v.InferOutput<typeof Value>;

/** A rule gives its value to a share of an audience. */
const Rule = v.object({
  /** Attributes, and the values of which the subject must have one each. Empty: everybody. */
  audience: v.record(word, v.pipe(v.array(word), v.maxLength(100))),
  /** The share of them, in percent. The same subject is in it again at each question, and stays in it when it grows. */
  percent: v.pipe(v.number(), v.minValue(0), v.maxValue(100)),
  value: Value,
});
export type Rule = v.InferOutput<typeof Rule>;

/** What an editor says of a flag. The first rule that takes a subject counts. */
const Setting = v.object({
  isOn: v.boolean(),
  rules: v.pipe(v.array(Rule), v.maxLength(20)),
  /** For those whom no rule takes, and for all while the flag is off. */
  otherwise: Value,
});

const Flag = v.object({
  ...Setting.entries,
  /** Grows with each change of any flag. */
  revision: natural,
  editor: v.string(),
  time: natural,
});
export type Flag = v.InferOutput<typeof Flag>;

/** The most flags of one answer. */
export const PAGE = 100;

export const flags = defineMachine({
  name: "flags",
  version: 1,
  state: { flags: collection(Flag), editors: collection(v.boolean()), revisions: counter() },
  errors: { notEditor: v.undefined(), changed: v.object({ revision: natural }), lastEditor: v.undefined() },
  operations: {
    /** Sets a flag. With `revision` only if it is still of that revision; 0: only if there is none. */
    set: {
      input: v.object({ name, setting: Setting, revision: v.optional(natural) }),
      run({ flags, editors, revisions }, { name, setting, revision }, { client, time, reject }) {
        // The first one who sets a flag is the first editor.
        if (editors.range({ limit: 1 }).length === 0) editors.set(client, true);
        if (!editors.has(client)) reject("notEditor");
        const before = flags.get(name)?.revision ?? 0;
        if (revision !== undefined && revision !== before) reject("changed", { revision: before });
        const flag = { ...setting, revision: revisions.next(), editor: client, time };
        flags.set(name, flag);
        return flag;
      },
    },
    /** Removes a flag; `false`: there was none. */
    remove: {
      input: name,
      run({ flags, editors, revisions }, name, { client, reject }) {
        if (!editors.has(client)) reject("notEditor");
        const wasThere = flags.delete(name);
        if (wasThere) revisions.next();
        return wasThere;
      },
    },
    /** Lets another key edit, or no longer. */
    allow: {
      input: v.object({ editor, isAllowed: v.boolean() }),
      run({ editors }, { editor, isAllowed }, { client, reject }) {
        if (!editors.has(client)) reject("notEditor");
        if (isAllowed) return void editors.set(editor, true);
        if (editor === client && editors.range({ limit: 2 }).length === 1) reject("lastEditor");
        editors.delete(editor);
      },
    },
  },
  queries: {
    /** A number that grows with each change. */
    revision: { run: ({ revisions }) => revisions.value },
    /** The flags in the order of their names, at most 100 after a name. */
    all: {
      input: v.object({ after: v.optional(name) }),
      run: ({ flags }, { after }) => flags.range({ ...(after !== undefined && { after }), limit: PAGE }),
    },
    /** The keys that may edit. */
    editors: { run: ({ editors }) => editors.range({ limit: 1_000 }).map(([key]) => key) },
  },
});

/** What `pbft simulate` and the tests let clients do, drawn at random. */
export const workload = {
  operation(random: { chance(probability: number): boolean; int(min: number, max: number): number }) {
    const name = `flag-${random.int(1, 4)}`;
    if (random.chance(0.2)) return flags.encode("remove", name);
    const rule = { audience: { country: ["de"] }, percent: random.int(0, 100), value: true };
    const setting = { isOn: random.chance(0.8), rules: [rule], otherwise: false };
    return flags.encode("set", { name, setting, ...(random.chance(0.3) && { revision: random.int(0, 20) }) });
  },
  query: () => flags.encode("all", {}),
};
