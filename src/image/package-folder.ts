/** Where this package keeps what an image is made of: the lock and the C sources in `images/`, and the compiled worker in `dist/`. */
import { fileURLToPath } from 'node:url';

/** The package's own folder, whether this file runs from `src` or from `dist`. */
export const PACKAGE_FOLDER: string = fileURLToPath(new URL('../../', import.meta.url));
