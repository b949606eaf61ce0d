/**
 * Callers over HTTP: the client library, and programs that post to `/req`, against the routes of the replicas.
 * @module
 */
import { clientSha256 } from "../../crypto/client.ts";
import { later } from "../../client/later/mod.ts";
import { polling } from "../../client/queries/polling.ts";
import { RealCryptography } from "./cryptography.ts";
import type { HttpParts } from "./parts.ts";
import { Callers } from "./callers/callers.ts";
import { SimulatedWeb } from "./web.ts";

const PARTS: HttpParts = {
  createCryptography: () => new RealCryptography(),
  createWeb: (parts, plan) => new SimulatedWeb(parts, plan),
  createCallers: (world, plan) => new Callers(world, plan),
};

/** The parts. What the client library loads at its first use is there: in a run nothing may wait for a disk. */
export async function httpParts(): Promise<HttpParts> {
  await Promise.all([clientSha256(new Uint8Array()), later(), polling()]);
  return PARTS;
}
