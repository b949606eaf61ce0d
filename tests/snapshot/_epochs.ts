/** The past of a cluster over three epochs, with its archive and its snapshots: other members in epoch 1, another machine in epoch 2. */
import { assert } from "@std/assert";
import type { StateMachines } from "../../src/core/epochs/versions.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { nodeSource } from "../../src/snapshot/node_source.ts";
import { type SavedSnapshot, saveSnapshot } from "../../src/snapshot/save.ts";
import { storageArchive } from "../../src/snapshot/storage/archive.ts";
import { utf8 } from "../../src/wire/mod.ts";
import { KeyValue2 } from "../tools/key_value2.ts";
import { clusterFile, FOUR, memberOf, Members, until, urlsOf } from "../node/_epochs.ts";
import { Bucket } from "./_bucket.ts";

/** Both versions of the machine. The second one begins with one key more. */
export const VERSIONS = {
  "key-value/1": () => new KeyValue(),
  "key-value/2": {
    create: () => new KeyValue2(),
    migrate: {
      "key-value/1": (chunks: ReadonlyMap<string, Uint8Array>) => {
        const next = new KeyValue2();
        next.restore(chunks);
        next.execute(utf8("SET migrated yes"));
        // A machine that was restored gives what has changed.
        return new Map([...chunks, ...next.takeChanges()]);
      },
    },
  },
} satisfies StateMachines;

export const PRESENT = ["Apple", "Ball", "Candy", "Eagle"];

/** A cluster that goes through epochs, and is asked to write. */
export class Past {
  readonly storage = new Bucket();
  readonly cluster = new Members();
  #written = 0;

  async open(): Promise<this> {
    for (const name of FOUR) {
      const archive = name === "Ball" ? { archive: storageArchive(this.storage) } : {};
      await this.cluster.open(name, { stateMachine: VERSIONS, ...archive });
    }
    return this;
  }

  async write(count: number, by = "Ball"): Promise<void> {
    for (let i = 0; i < count; i++) {
      const at = ++this.#written;
      const answer = await this.cluster.vouch(by, "a", at, `SET key${at % 40} ${"v".repeat(300)}${at}`);
      assert(answer.startsWith("ok"), answer);
    }
  }

  /** Goes on to the next epoch. */
  async configure(change: Parameters<Members["operation"]>[1], members: readonly string[]): Promise<void> {
    const { epoch } = this.cluster.member("Ball");
    const operation = await this.cluster.operation(epoch, change);
    const answer = await this.cluster.vouch("Ball", "admin", epoch.number + 1, operation);
    assert(answer.startsWith("ok"), answer);
    await this.cluster.reached(epoch.number + 1, members);
    await until(
      "all have the state",
      () => members.every((name) => this.cluster.node(name).wantedState().length === 0),
    );
  }

  /** Saves the state of a member's last stable checkpoint, of its own epoch unless it has just begun. */
  async save(by: string, afterStart = true): Promise<SavedSnapshot> {
    const node = () => this.cluster.node(by);
    if (afterStart) await until("a checkpoint is stable", () => node().stableCertificate().length > 0);
    return await saveSnapshot(nodeSource(node()), this.storage, clusterFile);
  }
}

/** All of it: snapshots in epoch 0, at the start of epoch 1 and later in it, and in epoch 2. */
export async function past(): Promise<{ past: Past; saved: readonly SavedSnapshot[]; chain: readonly Uint8Array[] }> {
  const past = await new Past().open();
  await past.write(20);
  const saved = [await past.save("Ball")];
  await past.cluster.open("Eagle", { stateMachine: VERSIONS });
  await past.configure({ replicas: PRESENT.map(memberOf), urls: urlsOf(["Eagle"]) }, PRESENT);
  saved.push(await past.save("Candy", false));
  await past.write(20);
  saved.push(await past.save("Ball"));
  await past.configure({ stateMachine: "key-value/2", checkpointInterval: 4 }, PRESENT);
  saved.push(await past.save("Ball", false));
  await past.write(10);
  saved.push(await past.save("Ball"));
  return { past, saved, chain: past.cluster.member("Ball").linksAfter(0) };
}
