/**
 * The program of a member that has two versions of the key-value machine.
 * @module
 */
const MACHINES = new URL("../../src/machines/mod.ts", import.meta.url).href;
const SECOND = new URL("key_value2.ts", import.meta.url).href;

/** Version 2 is the same machine by another name. */
export const TWO_VERSIONS: string = `import { KeyValue } from ${JSON.stringify(MACHINES)};
import { KeyValue2 } from ${JSON.stringify(SECOND)};
export default {
  "key-value/1": () => new KeyValue(),
  "key-value/2": { create: () => new KeyValue2(), migrate: { "key-value/1": (chunks) => chunks } },
};
`;
