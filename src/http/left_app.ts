/**
 * The HTTP interface of somebody who runs no replica in the present epoch: removed, not a member yet, or without the
 * version of the state machine that is in force. It serves the chain, and the state to new members, and says where the
 * cluster is.
 * @module
 */
import { Hono } from "hono";
import type { ClusterMember } from "../node/epochs/cluster_member.ts";
import type { Timer } from "../node/ports.ts";
import { BodyReader } from "./bodies/body.ts";
import { Deadlines } from "./bodies/deadlines.ts";
import { Callers } from "./middleware/callers.ts";
import { BODY_TIMEOUT_MS, MAX_HELD_BYTES } from "./middleware/submitter.ts";
import type { ReplicaApp } from "./app.ts";
import { Problem, problem } from "./problem.ts";
import { type EpochsHost, epochsResponse, epochState, hearOfEpoch } from "./routes/epochs.ts";

/** Options of {@linkcode createLeftApp}. */
export interface LeftAppOptions {
  readonly timer: Timer;
  readonly signal?: AbortSignal;
  /** The key of this member. It is shown, so that whoever is to make it a member sees whether it is the right one. */
  readonly publicKey: string;
}

/** Makes the interface. */
export function createLeftApp(
  epochs: EpochsHost & Pick<ClusterMember, "epoch" | "wasMember" | "lacksVersion">,
  { timer, signal, publicKey }: LeftAppOptions,
): ReplicaApp {
  const deadlines = new Deadlines(timer, BODY_TIMEOUT_MS);
  signal?.addEventListener("abort", () => deadlines.close(), { once: true });
  const bodies = new BodyReader({ deadlines, maxHeldBytes: MAX_HELD_BYTES });
  const callers = new Callers({});
  const app = new Hono();
  app.get("/healthz", (c) => c.text("alive\n"));
  app.get("/epochs", (c) => {
    return epochsResponse((name) => c.req.query(name), epochs, { isMember: epochs.lacksVersion !== null });
  });
  app.post("/epochs", (c) => hearOfEpoch(c.req.raw, epochs));
  app.post("/epochs/state", async (c) => {
    const caller = await callers.of(c.req.raw, c.env);
    return await epochState(c.req.raw, c.req.query("epoch"), { epochs, bodies, caller });
  });
  app.all("*", (c) => {
    void c.req.raw.body?.cancel().catch(() => {});
    const { number, genesis, urls } = epochs.epoch;
    if (epochs.lacksVersion !== null) {
      const detail = `this member has not version ${epochs.lacksVersion} of the state machine, which is in force in ` +
        `epoch ${number}: it waits until it is started with code that has it`;
      return problem("unavailable", { detail, more: { epoch: number, stateMachine: epochs.lacksVersion } });
    }
    const yet = epochs.wasMember ? "any more" : "yet";
    return problem("not-a-member", {
      detail: `this replica, with key ${publicKey}, is no member of the cluster ${yet} in epoch ${number}: ask one of ${
        genesis.replicas.map(({ name }) => urls[name]).join(", ")
      }`,
      more: { epoch: number, urls, publicKey },
    });
  });
  app.onError((error) => {
    if (error instanceof Problem) return error.toResponse();
    return problem("internal-error", { detail: `${error.name}: ${error.message}` });
  });
  return app;
}
