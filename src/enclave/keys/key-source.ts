/**
 * Where a worker gets the key under which it keeps anything on disk. A source gives the same 32 bytes to the same code on what it takes for the
 * same place, and to nobody else; how well it does so is what its kind says, in the lockdown claims and everywhere else.
 */

/** What the key is bound to: other code gets another key. */
export interface KeyBinding {
  /** Launch measurement of this worker's report, 48 bytes. */
  readonly measurement: Uint8Array;
}

export interface KeySource {
  /** How the claim `keys` names it. */
  readonly kind: 'simulated-file';
  /**
   * Gives 32 bytes; the caller wipes them.
   * @throws SecretError ERR_SECRET_UNREADABLE
   */
  storageKey(binding: KeyBinding): Promise<Uint8Array>;
}
