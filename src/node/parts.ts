/**
 * What a node is made of.
 * @module
 */
import type { Digest } from "../core/messages/ids.ts";
import type { Recovered } from "../core/records.ts";
import type { Signer } from "./ports.ts";
import type { Restored, RestoreOptions } from "./storage/opening.ts";
import type { Core } from "./durable/task.ts";

/** What is known before a node is there. */
export interface Parts {
  readonly cluster: Digest;
  readonly signer: Signer;
  readonly restoring: RestoreOptions;
  readonly restored: Restored;
  readonly createCore: (recovered: Recovered) => Core;
}
