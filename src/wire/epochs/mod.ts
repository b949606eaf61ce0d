/**
 * Epochs: configurations, the operation that changes them, and the chain by which anybody follows the changes.
 * `docs/membership.md` has the design.
 * @module
 */
export { endOf, epochOf, followChain, MAX_LINKS, parseChainText } from "./chain.ts";
export {
  type Configuration,
  decodeConfiguration,
  encodeConfiguration,
  MAX_CONFIGURATION_BYTES,
  parseConfiguration,
} from "./configuration.ts";
export { checkRotation, proposeRotation, type Rotation } from "./rotation.ts";
export { type Entered, hasEntered, sayEntered } from "./entered.ts";
export {
  type Approval,
  approvalContext,
  checkNext,
  ConfigureError,
  type ConfigureRefusal,
  type Epoch,
  firstEpoch,
  type SignatureCheck,
} from "./epoch.ts";
export {
  type ChainCrypto,
  checkStable,
  decodeLink,
  encodeLink,
  followLink,
  type Link,
  LinkError,
  makeLink,
} from "./link.ts";
export {
  type Accepted,
  type Approved,
  checkConfigure,
  CONFIGURE_PREFIX,
  type ConfigureCrypto,
  decodeConfigure,
  encodeConfigure,
  isConfigure,
  plainApprovals,
} from "./operation.ts";
export {
  approve,
  type Approver,
  type Change,
  checkProposed,
  isSimilar,
  operationOf,
  parseProposal,
  type Proposal,
  propose,
  type Standing,
  standingOf,
} from "./proposal.ts";
