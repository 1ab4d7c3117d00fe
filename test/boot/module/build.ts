/**
 * Builds serial_tsm.ko for the kernel of the image, out of its pinned headers and with the pinned compiler: no make, no root, nothing of this host.
 * The steps and flags are those of the kernel's own build that decide how code and kernel call each other.
 * (Linux 6.12 Documentation/kbuild/modules.rst; scripts/Makefile.lib, Makefile.modpost, Makefile.modfinal; arch/x86/Makefile.)
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const NAME = 'serial_tsm';
const LIBRARIES = 'usr/lib/x86_64-linux-gnu';

/** How code in this kernel is called: registers, stack, jumps and returns. */
const CONVENTIONS =
  '-m64 -mcmodel=kernel -mno-red-zone -mpreferred-stack-boundary=3 -mskip-rax-setup -mtune=generic ' +
  '-mno-sse -mno-mmx -mno-sse2 -mno-3dnow -mno-avx -mno-80387 -fcf-protection=branch -mharden-sls=all ' +
  '-mindirect-branch=thunk-extern -mindirect-branch-register -mindirect-branch-cs-prefix ' +
  '-mfunction-return=thunk-extern -fpatchable-function-entry=16,16 -fno-jump-tables';
/** Which C it is. */
const LANGUAGE =
  '-std=gnu11 -O2 -fshort-wchar -funsigned-char -fno-common -fno-pie -fno-strict-aliasing -fno-strict-overflow ' +
  '-fno-delete-null-pointer-checks -fno-stack-protector -fconserve-stack -fno-asynchronous-unwind-tables ' +
  '-Wall -Werror -quiet -nostdinc';
const DEFINITIONS =
  `-D__KERNEL__ -DMODULE -DCC_USING_FENTRY -DKBUILD_MODNAME="${NAME}" -DKBUILD_BASENAME="${NAME}" ` +
  `-D__KBUILD_MODNAME=kmod_${NAME}`;
/** What objtool does for this kernel's configuration: it finishes jumps that the kernel patches as it runs. */
const OBJTOOL =
  '--hacks=jump_label --hacks=noinstr --hacks=skylake --ibt --orc --retpoline --rethunk --sls --static-call ' +
  `--uaccess --prefix=16 --link --module ${NAME}.o`;
const LINK = '-r -m elf_x86_64 -z noexecstack --no-warn-rwx-segments --build-id=none';

const words = (text: string): readonly string[] => text.split(' ');

/**
 * Builds the module in the folder `work`, and gives its bytes. `root` holds the unpacked packages: headers, kbuild, compiler, assembler, linker and
 * their libraries; `release` is the kernel's, as `uname -r` says it.
 */
export function buildModule(root: string, release: string, work: string): Uint8Array {
  const version = release.replace(/-.*/, '');
  const common = join(root, `usr/src/linux-headers-${version}-common`);
  const headers = join(root, `usr/src/linux-headers-${release}`);
  const kbuild = join(root, `usr/lib/linux-kbuild-${version}`);

  /** Runs a program of the packages with their own loader and libraries. */
  function run(program: string, args: readonly string[]): void {
    const libraries = join(root, LIBRARIES);
    const loader = join(libraries, 'ld-linux-x86-64.so.2');
    const { status, stderr } = spawnSync(loader, ['--library-path', libraries, program, ...args], {
      cwd: work,
      env: { SRCARCH: 'x86' },
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
  }

  const folders = ['arch/x86/include', 'include', 'arch/x86/include/uapi', 'include/uapi'].flatMap((folder) => [
    join(common, folder),
    join(
      headers,
      folder.replace(/^arch\/x86\/include/, '$&/generated').replace(/^include\/uapi/, 'include/generated/uapi'),
    ),
  ]);
  const always = ['compiler-version.h', 'kconfig.h', 'compiler_types.h'].map((file) =>
    join(common, 'include/linux', file),
  );

  function compile(source: string, name: string): void {
    run(join(root, 'usr/libexec/gcc/x86_64-linux-gnu/14/cc1'), [
      ...words(`${DEFINITIONS} ${CONVENTIONS} ${LANGUAGE}`),
      ...folders.map((folder) => `-I${folder}`),
      ...always.flatMap((file) => ['-include', file]),
      source,
      '-o',
      `${name}.s`,
    ]);
    run(join(root, 'usr/bin/x86_64-linux-gnu-as'), ['--64', `${name}.s`, '-o', `${name}.o`]);
  }

  compile(join(import.meta.dirname, `${NAME}.c`), NAME);
  run(join(kbuild, 'tools/objtool/objtool.real-x86'), words(OBJTOOL));
  const lists = { 'modules.order': `${NAME}.o\n`, [`${NAME}.mod`]: `${NAME}.o\n`, [`.${NAME}.o.cmd`]: '' };
  for (const [file, text] of Object.entries(lists)) writeFileSync(join(work, file), text);
  // It writes the checksum of each kernel symbol that is used, so that another kernel refuses the module.
  const symbols = join(headers, 'Module.symvers');
  run(join(kbuild, 'scripts/mod/modpost.real-lsb-64'), [
    ...words('-M -m -e -o Module.symvers -T modules.order -i'),
    symbols,
  ]);
  compile(`${NAME}.mod.c`, `${NAME}.mod`);
  compile(join(kbuild, 'scripts/module-common.c'), 'common');
  run(join(root, 'usr/bin/x86_64-linux-gnu-ld.bfd'), [
    ...words(`${LINK} -o ${NAME}.ko ${NAME}.o ${NAME}.mod.o common.o -T`),
    join(headers, 'arch/x86/module.lds'),
  ]);
  return readFileSync(join(work, `${NAME}.ko`));
}
