/** Finds the shared test vectors: ANCHORHOLD_VECTORS, or ../shared/vectors beside the repository; null when there are none. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

const candidate = process.env['ANCHORHOLD_VECTORS'] ?? resolve(import.meta.dirname, '../../shared/vectors');

export const VECTORS: string | null = existsSync(resolve(candidate, 'snp/index.json')) ? candidate : null;
