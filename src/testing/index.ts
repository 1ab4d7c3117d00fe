/** The door `anchorhold/testing`: a simulated AMD with its own root, its devices, and corruptions of exactly one field. For tests and laptops. */
export {
  type ExtensionDescription,
  encodeDerInteger,
  encodeDerOctets,
  encodeDerText,
  type SignatureScheme,
} from '../io/x509-certificate.ts';
export { basicConstraints, keyUsage } from '../io/x509-extensions.ts';
export {
  AUTHORITY_SERIALS,
  type AuthorityRole,
  type CertificateChange,
  type CrlChange,
  type ExtensionChange,
  type ExtensionChanges,
  type ExtensionKey,
  type NameChange,
} from './certificates.ts';
export { type Corruptions, corrupt, type SignatureTrick } from './corrupt.ts';
export { type SimulatedDevice, type SimulatedDeviceOptions, simulatedDevice } from './device.ts';
export { type FakeKds, type FakeKdsOptions, type KdsAnswer, openFakeKds } from './fake-kds.ts';
export { type ReportFields, type ReportVersion, SIMULATED_MEASUREMENT } from './machine.ts';
export {
  createSimulatedAmd,
  type Endorsements,
  type IssuedReport,
  type MachineOptions,
  openSimulatedAmd,
  type SimulatedAmd,
  type SimulatedAmdOptions,
  type SimulatedMachine,
} from './simulated-amd.ts';
