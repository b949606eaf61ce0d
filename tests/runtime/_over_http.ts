/** Calls to served members, and changes that members have signed. */
import { createSigner, sha256 } from "../../src/crypto/mod.ts";
import { approve, type Change, type Epoch, operationOf, propose } from "../../src/wire/epochs/mod.ts";
import { fromUtf8 } from "../../src/wire/mod.ts";
import { keyOf } from "../node/_epochs.ts";

/** `POST /req`: the status, and the text of the answer. */
export async function req(
  url: string,
  timestamp: number,
  operation: string,
  clientID = "a",
): Promise<[number, string]> {
  const body = JSON.stringify({ clientID, timestamp, operation });
  const response = await fetch(`${url}/req`, { method: "POST", headers: { "content-type": "application/json" }, body });
  return [response.status, await response.text()];
}

/** The operation that three of the members have signed. */
export async function approved(epoch: Epoch, change: Change): Promise<string> {
  let proposal = propose(epoch, change);
  for (const { name } of epoch.genesis.replicas.slice(0, 3)) {
    const signer = createSigner(keyOf(name).privateKey, epoch.cluster, epoch.number + 1);
    proposal = await approve(epoch, proposal, { signer, hash: sha256 });
  }
  return fromUtf8(operationOf(epoch, proposal));
}
