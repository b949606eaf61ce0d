/**
 * Members, epochs and sizes in words.
 * @module
 */
import type { Epoch } from "../../wire/epochs/mod.ts";
import { CliError, EXIT } from "../cli_error.ts";

/** The name of a member. @throws {CliError} if there is none of this name. */
export function memberOf({ genesis, number }: Pick<Epoch, "genesis" | "number">, name: string): string {
  const names = genesis.replicas.map((member) => member.name);
  if (names.includes(name)) return name;
  throw new CliError(`${name}: no such member; the members${epochText(number)} are ${names.join(", ")}`, EXIT.usage);
}

/** ` in epoch 3`; nothing in epoch 0. */
export function epochText(epoch: number): string {
  return epoch === 0 ? "" : ` in epoch ${epoch}`;
}

/** `10.3 kB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
