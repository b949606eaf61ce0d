/**
 * The members of a new cluster: their names, and the keys that they have sent.
 * @module
 */
import type { Member } from "../../core/config.ts";
import { isSimilar } from "../../wire/epochs/mod.ts";
import { CliError, EXIT } from "../cli_error.ts";
import { checkPublicKeys } from "./public_keys.ts";

/**
 * @throws {CliError} if two names differ only in case, or if a member that made its own key has sent a private one. The
 * cluster file itself may have such names: earlier builds made them.
 */
export function checkMembers(members: readonly (Member & { readonly privateKey?: string })[]): void {
  checkNames(members.map(({ name }) => name));
  checkPublicKeys(members.filter(({ privateKey }) => privateKey === undefined), members);
}

function checkNames(names: readonly string[]): void {
  names.forEach((name, i) => {
    const other = names.slice(0, i).find((earlier) => earlier !== name && isSimilar(earlier, name));
    if (other === undefined) return;
    throw new CliError(
      `${name}: expected a name that differs from ${other} in more than case (see pbft init --help)`,
      EXIT.usage,
    );
  });
}
