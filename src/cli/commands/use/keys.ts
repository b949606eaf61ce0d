/**
 * `keys`: lists the keys of the key-value machine.
 * @module
 */
import { EXIT } from "../../cli_error.ts";
import { natural } from "../../numbers.ts";
import { CLIENT_FLAGS } from "../../parser/flags.ts";
import { defineVerb } from "../../parser/verb.ts";
import { query, rethrown } from "../../calls/operation.ts";
import { withClient } from "../../calls/session.ts";

interface Page {
  readonly keys: readonly string[];
  readonly truncated: boolean;
}

/** The verb. */
export const verb = defineVerb({
  about: "Lists the keys that begin with a prefix, one a line, in ascending order.",
  args: [{ name: "PREFIX", help: "the prefix (all keys)", isOptional: true }],
  flags: {
    "after": { value: "KEY", help: "begin after this key" },
    "limit": { value: "N", help: "at most N keys" },
    ...CLIENT_FLAGS,
  },
  notes: "A long list is several reads: it may show changes that happen between them.",
  run: ({ args: [prefix = ""], values, terminal }) => {
    const limit = values.limit === undefined ? Infinity : natural("--limit", values.limit, { min: 1 });
    return withClient(values, terminal, async (session) => {
      const all: string[] = [];
      let count = 0;
      for (let after = values.after;;) {
        const operation = { op: "keys", prefix, ...(after !== undefined && { after }) };
        const answer = query(session, operation, terminal);
        const page = await answer.catch((error) => rethrown(error, operation, session)) as Page;
        const keys = page.keys.slice(0, limit - count);
        count += keys.length;
        if (terminal.isJson) all.push(...keys);
        else for (const key of keys) terminal.print(key);
        after = page.keys.at(-1);
        if (!page.truncated || count >= limit || after === undefined) break;
      }
      if (terminal.isJson) terminal.print(JSON.stringify({ result: all }));
      return EXIT.done;
    });
  },
});
