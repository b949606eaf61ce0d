/**
 * Evidence in a file, as `GET /evidence` gives it: whom it convicts. Nobody is asked.
 * @module
 */
import { MAX_ITEMS, misconductShown, misconductText } from "../check/misconduct.ts";
import { CliError, EXIT } from "../cli_error.ts";
import { readJson } from "./chain_file.ts";
import type { KeptChain } from "./kept_chain.ts";
import type { Shown } from "./list.ts";

/**
 * Verifies the items of a file for the epochs that are known. The exit code is 1 if they prove nothing.
 * @throws {CliError} if it is no such file.
 */
export async function evidenceShown(
  path: string,
  { followed: { cluster, epochs, present } }: KeptChain,
): Promise<Shown> {
  const { evidence } = readJson(path, "evidence");
  if (!Array.isArray(evidence)) {
    throw new CliError(`${path}: evidence: expected a list, got ${typeof evidence}`, EXIT.usage, {
      next: "GET /evidence of a member gives such a file: curl URL/evidence > FILE",
    });
  }
  const proven = await misconductShown(epochs, evidence);
  const convicted = proven.map((what) => {
    const isMember = present.genesis.replicas.some(({ publicKey }) => publicKey === what.publicKey);
    return { ...what, isMember };
  });
  const refused = Math.min(evidence.length, MAX_ITEMS) - proven.length;
  const liars = [...new Set(convicted.filter(({ isMember }) => isMember).map(({ name }) => name))];
  return {
    lines: [
      ...convicted.map(({ isMember, ...what }) =>
        `proven: ${misconductText(what)}; key ${what.publicKey}, which is ${
          isMember ? "that of a member" : "no member's any more"
        } in epoch ${present.number}`
      ),
      ...(refused > 0
        ? [`${refused} of ${evidence.length} items prove nothing in the epochs 0 to ${present.number} of this cluster`]
        : []),
      ...(evidence.length === 0 ? ["no evidence"] : []),
      ...(evidence.length > MAX_ITEMS ? [`only the first ${MAX_ITEMS} items were looked at`] : []),
      ...liars.map((name) => `next: pbft members propose --replace ${name}:NEW=PUBLICKEY@URL, or --remove ${name}`),
    ],
    json: { cluster, epoch: present.number, proven: convicted, refused },
    code: proven.length > 0 ? EXIT.done : EXIT.no,
  };
}
