/**
 * Prepares the parts of a node that must exist before the node does.
 * @module
 */
import type { Genesis, Settings } from "../core/config.ts";
import type { Digest } from "../core/messages/ids.ts";
import type { StoredState } from "../core/records.ts";
import { Replica } from "../core/replica.ts";
import { useKey } from "../crypto/mod.ts";
import type { Core } from "./durable/task.ts";
import { createEnvironment } from "./environment.ts";
import { configurePort, termsOf } from "./epochs/cryptography.ts";
import type { Epoch } from "../wire/epochs/mod.ts";
import type { Gate } from "./in/gate.ts";
import { nodeLimits } from "./limits.ts";
import { wantRequests } from "./observers.ts";
import { checkOptions, CRYPTOGRAPHY, type NodeInternals, type NodeOptions, settingsFor } from "./options.ts";
import type { Signer, Store } from "./ports.ts";
import { restore, type Restored, type RestoreOptions } from "./storage/opening.ts";
import { startOf } from "./storage/start.ts";
import { withTimeouts } from "./storage/store_timeouts.ts";
import { ChangeLog } from "./watching/change_log.ts";

/** Values that are derived from a node's options and its store. */
export interface Parts {
  readonly genesis: Genesis;
  readonly cluster: Digest;
  readonly epoch: Epoch;
  readonly settings: Settings;
  readonly signer: Signer;
  /** The store with timeouts, and with the archive in front of it if there is one. */
  readonly store: Store;
  readonly restoring: RestoreOptions;
  readonly restored: Restored;
  /** The changes of the last batches, for those who watch. */
  readonly changes: ChangeLog;
  readonly createCore: (storedState: StoredState) => Core;
  /** A gate to use instead of a new one. */
  readonly gate: Gate | undefined;
}

/** Checks the options and restores the replica from its store. Throws as `Node.open` does. */
export async function prepareParts(
  options: NodeOptions,
  { createCore, gateOf, onClosed, formerChanges, keptBatches }: NodeInternals,
): Promise<Parts> {
  const { self, archive, timer } = options;
  const { genesis, cluster, epoch, hash, signer, lazyLoading, versions, ...checked } = checkOptions(options);
  const settings = settingsFor(checked.settings, options);
  const store = withTimeouts(checked.store, { timer, timeoutMs: nodeLimits(genesis, options.limits).storeTimeoutMs });
  const start = startOf(options, signer.publicKey);
  const restoring = { persistInputs: options.persistInputs, lazyLoading, archives: archive !== undefined };
  const restored = await restore(store, { genesis, cluster, epoch: epoch.number, self, hash }, { ...restoring, start });
  useKey(signer.publicKey);
  const changes = new ChangeLog(restored.storedState.checkpoint?.sequence ?? 0, formerChanges, keptBatches);
  return {
    changes,
    genesis,
    cluster,
    epoch,
    settings,
    signer,
    store,
    restoring,
    restored,
    createCore: (storedState) => {
      const stateMachine = changes.attach(versions.create(genesis.stateMachine));
      // Without somebody who follows, the replica would stop for good at the end of the epoch.
      const configure = onClosed && configurePort(epoch, options.crypto ?? CRYPTOGRAPHY);
      const environment = createEnvironment({
        self,
        genesis: termsOf(epoch),
        settings,
        stateMachine,
        versions,
        signer,
        ...(configure && { configure }),
        hash,
        namesRequests: wantRequests(options.observers),
      });
      return createCore?.(environment, storedState) ?? new Replica(environment, storedState);
    },
    gate: gateOf?.(epoch),
  };
}
