/**
 * The names of the members of a new cluster.
 * @module
 */
import { isSimilar } from "../../wire/epochs/mod.ts";
import { CliError, EXIT } from "../cli_error.ts";

/** @throws {CliError} if two names differ only in case. The cluster file itself may have such names: earlier builds made them. */
export function checkNames(names: readonly string[]): void {
  names.forEach((name, i) => {
    const other = names.slice(0, i).find((earlier) => earlier !== name && isSimilar(earlier, name));
    if (other === undefined) return;
    throw new CliError(
      `${name}: expected a name that differs from ${other} in more than case (see pbft init --help)`,
      EXIT.usage,
    );
  });
}
