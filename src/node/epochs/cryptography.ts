/**
 * Signatures in epochs: which context each is made for.
 * @module
 */
import type { CheckedConfigure, ConfigurePort } from "../../core/io.ts";
import type { Terms } from "../../core/config.ts";
import type { ChainCrypto, Epoch, SignatureCheck } from "../../wire/epochs/mod.ts";
import {
  checkConfigure,
  ConfigureError,
  decodeConfiguration,
  isConfigure,
  plainApprovals,
} from "../../wire/epochs/mod.ts";
import type { Cryptography, Verifier } from "../ports.ts";

/**
 * A verifier for one epoch. What replicas sign is bound to the epoch; what clients sign is bound to the cluster alone,
 * so that it stays valid from one epoch to the next.
 */
export function verifierOf({ cluster, context, number }: Epoch, { createVerifier }: Cryptography): Verifier {
  const ofMembers = createVerifier(context, number);
  if (number === 0) return ofMembers;
  const ofClients = createVerifier(cluster, 0);
  return {
    verify: (key, kind, bytes, signature) =>
      (kind === "request" || kind === "query" ? ofClients : ofMembers).verify(key, kind, bytes, signature),
  };
}

/** The rules of an epoch for the core, and where it starts. */
export function termsOf({ genesis, number, start }: Epoch): Terms {
  return start ? { ...genesis, start: { epoch: number, ...start } } : genesis;
}

/** The cryptography to follow a chain with. */
export function chainCrypto(
  { hash, createVerifier }: Cryptography,
): ChainCrypto & { isSigned(c: SignatureCheck): boolean } {
  return {
    hash,
    isSigned: ({ publicKey, context, epoch, kind, bytes, signature }) =>
      createVerifier(context, epoch).verify(publicKey, kind, bytes, signature),
  };
}

/** Reads `configure` operations for the core of a replica in this epoch. */
export function configurePort(epoch: Epoch, cryptography: Cryptography): ConfigurePort {
  const { isSigned } = chainCrypto(cryptography);
  const { hash } = cryptography;
  return {
    is: isConfigure,
    check(operation): CheckedConfigure | { readonly refused: string } {
      try {
        const { next, configuration, approvals, hash: hashed } = checkConfigure(epoch, operation, { hash, isSigned });
        const { stateMachine } = next.genesis;
        return { configuration, approvals: plainApprovals(approvals), hash: hashed, stateMachine };
      } catch (error) {
        if (error instanceof ConfigureError) return { refused: error.message };
        throw error;
      }
    },
    machineOf(configuration) {
      const { cluster, genesis } = decodeConfiguration(configuration);
      return cluster === epoch.cluster ? genesis.stateMachine : null;
    },
  };
}
