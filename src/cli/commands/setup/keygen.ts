/**
 * `keygen`: makes a key pair for a client.
 * @module
 */
import { generateKeyPair } from "../../../crypto/mod.ts";
import { CliError, codeOf, EXIT, reasonOf } from "../../cli_error.ts";
import { writeKey } from "../../key_file.ts";
import { defineVerb } from "../../parser/verb.ts";

/** The verb. */
export const verb = defineVerb({
  about:
    "Makes a client's key pair: writes the private key into a file that only you may read, and prints the public key.",
  args: [{ name: "FILE", help: "the file to write (client.key)", isOptional: true, isFile: true }],
  flags: {},
  notes: `The client is known by its public key: replicas that are started with --clients KEYS serve only these.
Use the key with --key FILE. The key of a member is made by pbft init.`,
  run: ({ args: [path = "client.key"], terminal }) => {
    const { privateKey, publicKey } = generateKeyPair();
    try {
      writeKey(path, privateKey);
    } catch (error) {
      const why = codeOf(error) === "EEXIST" ? "exists already" : reasonOf(error);
      throw new CliError(`${path}: ${why}`, EXIT.usage, { next: "choose another file: pbft keygen FILE" });
    }
    terminal.say(`${path}: the private key; the public key is`);
    terminal.print(terminal.isJson ? JSON.stringify({ publicKey, file: path }) : publicKey);
    return EXIT.done;
  },
});
