/** Looks at a machine as a host or as a guest: every check, in order, none left out because another found something. */
import type { DoctorCheck, Finding } from './finding.ts';
import { GUEST_CHECKS, GUEST_DEVICE } from './guest-checks.ts';
import { HOST_CHECKS } from './host-checks.ts';
import type { MachineView } from './machine-view.ts';

export type DoctorRole = 'host' | 'guest';

export interface DoctorLine extends Finding {
  readonly id: string;
}

const CHECKS: Readonly<Record<DoctorRole, readonly DoctorCheck[]>> = { host: HOST_CHECKS, guest: GUEST_CHECKS };

/** Tells what a machine most likely is to be. */
export function guessRole(view: Pick<MachineView, 'exists'>): DoctorRole {
  return view.exists(GUEST_DEVICE) ? 'guest' : 'host';
}

/** Makes all checks of a role. */
export async function examine(view: MachineView, role: DoctorRole): Promise<readonly DoctorLine[]> {
  const lines: DoctorLine[] = [];
  for (const { id, look } of CHECKS[role]) lines.push({ id, ...(await look(view)) });
  return lines;
}
