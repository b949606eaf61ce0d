/**
 * The keys of a state as people know them.
 * @module
 */
import { decodeKey, encodeKey } from "../../machines/typed/state/key.ts";

/**
 * A key that a watch names: of the key-value machine as it is, of a typed machine the collection and the key, as `accounts["ada"]`. `null`: it
 * is a typed machine's own, such as the order in which values expire.
 */
export function keyText(key: string, machine: string): string | null {
  if (machine.startsWith("key-value/")) return key;
  const [, name, kind, rest = ""] = /^([a-z][A-Za-z0-9]*)?([!#])(.*)$/s.exec(key) ?? [];
  if (kind === undefined) return key;
  if (name === undefined || kind === "#") return null;
  if (rest === "") return name;
  try {
    const decoded = decodeKey(rest);
    if (encodeKey(decoded) === rest) return `${name}[${JSON.stringify(decoded)}]`;
  } catch { /* It is of a machine that was written by hand. */ }
  return key;
}
