/**
 * The stores: all of a commit or nothing, on one condition.
 * @module
 */
import { inFile, type Mutant } from "../mutant.ts";

const memory = inFile("src/stores/memory.ts");
const sqlite = inFile("src/stores/sqlite.ts");
const sqliteLog = inFile("src/stores/sqlite/log.ts");
const sqliteSchema = inFile("src/stores/sqlite/schema.ts");
const sqliteIndex = inFile("src/stores/sqlite/log_index.ts");
const kv = inFile("src/stores/deno_kv.ts");
const changes = inFile("src/stores/deno_kv/changes.ts");
const large = inFile("src/stores/deno_kv/large_commits.ts");
const object = inFile("src/stores/durable_object.ts");

/** What each store owes a replica. */
export const STORES: readonly Mutant[] = [
  {
    name: "memory-store-unconditional",
    why: "the store in memory takes a commit whatever version it expects: two instances of one replica both go on",
    edits: [
      memory("    if (contents.version !== expected) throw new StoreConflictError(expected, contents.version);\n", ""),
    ],
    breaks: ["store"],
  },
  {
    name: "memory-store-keeps-what-is-removed",
    why: "the store in memory does not remove",
    edits: [memory("if (value === null) map.delete(key);", "if (value === null) return;")],
    breaks: ["store"],
  },
  {
    name: "memory-store-without-blobs",
    why: "the store in memory commits the records without the blobs that they name",
    edits: [memory("    for (const [key, value] of blobs) put(contents.blobs, key, value);\n", "")],
    breaks: ["store"],
  },
  {
    name: "memory-store-reopened-empty",
    why: "a restart finds an empty store in memory, although the one before is still there",
    edits: [memory("    other.#contents = this.#contents;\n", "")],
    breaks: ["store"],
  },
  {
    name: "sqlite-store-unconditional",
    why: "the SQLite store takes a commit whatever version it expects",
    edits: [
      sqliteSchema("WHEN NEW.version <> (SELECT", "WHEN NEW.version > (SELECT"),
      sqliteLog(`append: "INSERT INTO log`, `append: "INSERT OR REPLACE INTO log`),
      sqliteLog("    if (index.version !== expected) throw new StoreConflictError(expected, index.version);\n", ""),
    ],
    breaks: ["store"],
  },
  {
    name: "sqlite-store-keeps-the-first-value",
    why: "what is under a key in the SQLite store already is not replaced",
    edits: [sqliteLog("else values.set(name,", "else if (!values.has(name)) values.set(name,")],
    breaks: ["store"],
  },
  {
    name: "sqlite-store-keeps-what-is-removed",
    why: "the SQLite store does not remove records",
    edits: [sqliteLog("if (size === REMOVED) values.delete(name);", "if (size === REMOVED) continue;")],
    breaks: ["store"],
  },
  {
    name: "sqlite-store-shortens-too-much",
    why: "the SQLite store removes old rows of its log although values in them are needed",
    edits: [sqliteIndex("most-- === 0 || kept.size > 0 ||", "most-- === 0 ||")],
    breaks: ["store"],
  },
  {
    name: "sqlite-store-never-rolls-back",
    why: "a refused commit leaves its transaction open in the SQLite store",
    edits: [sqlite("        if (begun) this.#rollBack();\n", "")],
    breaks: ["store"],
  },
  {
    name: "sqlite-store-rolls-back",
    why: "the SQLite store acknowledges what it then rolls back",
    edits: [sqlite(`this.#database.exec("COMMIT");`, `this.#database.exec("ROLLBACK");`)],
    breaks: ["store"],
  },
  {
    name: "kv-store-unconditional",
    why: "the Deno KV store does not check the head: two instances of one replica both go on",
    edits: [
      kv("this.#database.atomic().check({ key: this.#layout.head, versionstamp: stamp })", "this.#database.atomic()"),
    ],
    breaks: ["store"],
  },
  {
    name: "kv-store-conflict-taken-for-done",
    why: "the Deno KV store takes somebody else's commit for its own",
    edits: [
      kv(
        "if (entries[0]?.by === by || known.at.head.by === by) return true;",
        "if (known.version === version) return true;",
      ),
    ],
    breaks: ["store"],
  },
  {
    name: "kv-store-cuts-values-short",
    why: "of a large value each piece lacks its last byte in the Deno KV store",
    edits: [changes("(i + 1) * MAX_VALUE_BYTES)", "(i + 1) * MAX_VALUE_BYTES - 1)")],
    breaks: ["store"],
  },
  {
    name: "kv-store-pieces-of-before",
    why: "a value in pieces that becomes small still points at its pieces in the Deno KV store",
    edits: [
      changes(
        "      mutations.push([key, value && value.slice()]);\n",
        "      if (!before) mutations.push([key, value && value.slice()]);\n",
      ),
    ],
    breaks: ["store"],
  },
  {
    name: "kv-store-plan-not-carried-out",
    why: "a large commit counts in the Deno KV store, but the last of its changes are never made",
    edits: [
      large(
        "    for (let i = 0; i < plan.parts; i++) {\n",
        "    for (let i = 0; i < plan.parts - 1; i++) {\n",
      ),
    ],
    breaks: ["store"],
  },
  {
    name: "kv-store-large-commits-unconditional",
    why: "a commit to the Deno KV store that is too large for one operation does not check the head",
    edits: [
      large(
        "      atomic.check({ key: this.#layout.head, versionstamp: at.stamp });\n      if (isAtOnce)",
        "      if (isAtOnce)",
      ),
    ],
    breaks: ["store"],
  },
  {
    name: "object-store-unconditional",
    why: "the Durable Object store takes a commit whatever version it expects",
    edits: [object("      if (found !== expected) throw new StoreConflictError(expected, found);\n", "")],
    breaks: ["store"],
  },
  {
    name: "object-store-leaves-parts",
    why: "what a value had more parts before stays in the Durable Object store, also when it is removed",
    edits: [object("    this.#sql(`DELETE FROM pbft_${table} WHERE key = ? AND part >= ?`, key, parts);\n", "")],
    breaks: ["store"],
  },
  {
    name: "object-store-first-part-only",
    why: "of a large value the Durable Object store gives one part",
    edits: [object("  if (parts.length === 1) return parts[0]!;\n", "  return parts[0]!;\n")],
    breaks: ["store"],
  },
];
