/**
 * Configurations: the members and rules of one epoch after the first. `docs/membership.md` has the whole design.
 *
 * The genesis is the configuration of epoch 0. Each later configuration names the one before it by its hash, so that
 * the configurations form a chain. The hash of a configuration is the *context* of its epoch: everything that replicas
 * sign in the epoch is bound to it, as everything in epoch 0 is bound to the cluster id.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { Digest } from "../../core/messages/ids.ts";
import { checkInteger, checkObject, checkRecord, checkString, fail } from "../checks.ts";
import type { ClusterFile } from "../cluster_file.ts";
import { DecodeError, inside } from "../codec/decode_error.ts";
import { digest, type Field, list, name, natural, struct } from "../codec/fields.ts";
import { Reader } from "../codec/reader.ts";
import { startWriting } from "../codec/writer.ts";
import { genesisField, parseGenesisAt } from "../genesis.ts";
import { PROTOCOL } from "../messages/domain.ts";
import { completeLimits } from "../messages/default_limits.ts";

/** The members and rules of an epoch, and its place in the chain. */
export interface Configuration {
  /** The cluster's id: the hash of the genesis. */
  readonly cluster: Digest;
  /** The epoch that it is for: 1, 2, 3, … */
  readonly epoch: number;
  /** The hash of the configuration of the epoch before; in epoch 1 the cluster id. */
  readonly previous: Digest;
  /** Members, keys, limits, K, L and the state machine's version. Its `name` is that of the cluster's genesis. */
  readonly genesis: Genesis;
  /** A base URL for each member, by its name. Only hints: they say where to ask, and prove nothing. */
  readonly urls: ClusterFile["urls"];
}

/** The largest encoded configuration, bytes. */
export const MAX_CONFIGURATION_BYTES: number = 64 * 1024;
/** The longest URL, bytes. */
const MAX_URL_BYTES = 1024;
const TITLE = `${PROTOCOL} configuration`;
const HEX32 = /^[0-9a-f]{64}$/;

/** As it is encoded: the URLs in the order of the members. The order of the fields must never change. */
interface Encoded extends Omit<Configuration, "urls"> {
  readonly title: string;
  readonly urls: readonly string[];
}

const ENCODED: Field<Encoded> = struct<Encoded>({
  title: name(64),
  cluster: digest,
  epoch: natural,
  previous: digest,
  genesis: genesisField,
  urls: list(name(MAX_URL_BYTES), () => MAX_CONFIGURATION_BYTES),
});

/**
 * The canonical bytes of a configuration. Their SHA-256 is the context of its epoch.
 * @throws {TypeError} or {@linkcode RangeError} if a field cannot be encoded, or if there are more than
 * {@linkcode MAX_CONFIGURATION_BYTES}.
 */
export function encodeConfiguration(configuration: Configuration): Uint8Array<ArrayBuffer> {
  const { cluster, epoch, previous, genesis } = configuration;
  if (genesis.origin) throw new TypeError("configuration.genesis.origin: expected none: only a cluster has one");
  const urls = genesis.replicas.map(({ name }) => configuration.urls[name]!);
  const writer = startWriting();
  try {
    ENCODED.write(writer, { title: TITLE, cluster, epoch, previous, genesis, urls });
  } catch (error) {
    throw inside("configuration", error);
  }
  const bytes = writer.take();
  if (bytes.length <= MAX_CONFIGURATION_BYTES) return bytes;
  throw new RangeError(`configuration: expected at most ${MAX_CONFIGURATION_BYTES} bytes, got ${bytes.length}`);
}

/**
 * The inverse of {@linkcode encodeConfiguration}.
 * @throws {DecodeError} or {@linkcode TypeError} if `bytes` are not exactly one valid configuration.
 */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  if (bytes.length > MAX_CONFIGURATION_BYTES) {
    throw new DecodeError("configuration", `at most ${MAX_CONFIGURATION_BYTES} bytes`, `${bytes.length} bytes`, {
      tooLarge: true,
    });
  }
  const reader = new Reader(bytes);
  try {
    const { title, urls, ...rest } = ENCODED.read(reader, completeLimits({}));
    reader.end();
    const { length } = rest.genesis.replicas;
    if (title !== TITLE) throw new DecodeError("title", TITLE, title);
    if (urls.length !== length) throw new DecodeError("urls", `${length} URLs`, `${urls.length}`);
    const byName = Object.fromEntries(rest.genesis.replicas.map(({ name }, i) => [name, urls[i]!]));
    return parseConfiguration({ ...rest, urls: byName });
  } catch (error) {
    throw error instanceof DecodeError ? inside("configuration", error) : error;
  }
}

/**
 * Checks a configuration that was parsed from JSON: each field, and that the fields fit together.
 * @throws {TypeError} naming the field, the expected value and the value that came.
 */
export function parseConfiguration(json: unknown): Configuration {
  const field = "configuration";
  const object = checkObject(json, field, ["cluster", "epoch", "previous", "genesis", "urls"]);
  const digestOf = (key: "cluster" | "previous") =>
    checkString(object[key], `${field}.${key}`, HEX32, "64 lower-case hex digits") as Digest;
  const genesis = parseGenesisAt(object.genesis, `${field}.genesis`);
  return {
    cluster: digestOf("cluster"),
    epoch: checkInteger(object.epoch, `${field}.epoch`, 1),
    previous: digestOf("previous"),
    genesis,
    urls: parseUrls(object.urls, genesis, `${field}.urls`),
  };
}

/**
 * What a URL may look like here. It is a pattern, and not the runtime's parser, because all replicas must decide alike
 * on every runtime.
 */
const URL_FORM =
  /^https?:\/\/(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?(?:\/[a-zA-Z0-9._~!$&'()*+,;=:@%/-]*)?$/;

function parseUrls(json: unknown, genesis: Genesis, field: string): Configuration["urls"] {
  const given = checkObject(checkRecord(json, field), field, genesis.replicas.map((member) => member.name));
  const seen = new Map<string, string>();
  const urls = genesis.replicas.map(({ name }) => {
    const at = `${field}.${name}`;
    const url = checkString(
      given[name],
      at,
      URL_FORM,
      "an http: or https: URL in lower case, without user, query or fragment",
    );
    if (url.length > MAX_URL_BYTES) fail(at, `at most ${MAX_URL_BYTES} characters`, url);
    const other = seen.get(url);
    if (other !== undefined) fail(at, `a URL that no other member has (${other} has it)`, url);
    seen.set(url, name);
    return [name, url] as const;
  });
  // `fromEntries` defines properties, so a member may be named __proto__.
  return Object.fromEntries(urls);
}
