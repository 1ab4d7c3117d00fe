/** What the vault takes, what it gives to whom, and what is left when it is told to forget. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { LIMITS } from '../../../src/base/limits.ts';
import type { ItemName } from '../../../src/enclave/vault/item-store.ts';
import { HPKE_BYTES } from '../../../src/io/hpke.ts';
import { makeTestFolder } from '../store/folder.ts';
import { openVaultWorld, vaultPolicy } from './vault-world.ts';

const SECTIONS = 'data: { patients: { mount: /data/patients.csv, max: 20 B } }\nsecrets: [lookup-token]';
const PATIENTS: ItemName = { kind: 'data', owner: 'hospital-a', name: 'patients' };
const TOKEN: ItemName = { kind: 'secret', owner: 'hospital-a', name: 'lookup-token' };
const ROWS = encodeUtf8('Ada,36\nGrace,37');
const SECRET = encodeUtf8('Bearer 0123456789');

describe('the vault', () => {
  it('holds data and secrets that the policy in force names', async () => {
    const world = await openVaultWorld(makeTestFolder(), [vaultPolicy(SECTIONS)]);
    expect(world.vault.data('hospital-a', 'patients')).toBeNull();
    await world.put(PATIENTS, ROWS);
    await world.put(TOKEN, SECRET);
    expect(world.vault.data('hospital-a', 'patients')?.bytes).toEqual(ROWS);
    expect(world.vault.secret('hospital-a', 'lookup-token')).toBe('Bearer 0123456789');
    expect(world.vault.list('hospital-a').map(({ kind, name, size, state }) => [kind, name, size, state])).toEqual([
      ['data', 'patients', ROWS.length, 'held'],
      ['secret', 'lookup-token', SECRET.length, 'held'],
    ]);
    expect(world.vault.list('hospital-b')).toEqual([]);
    expect(world.vault.data('hospital-b', 'patients')).toBeNull();
    expect(world.vault.secret('hospital-a', 'patients')).toBeNull();
    world.end();
  });

  it.each<[string, ItemName]>([
    ['data of another name', { ...PATIENTS, name: 'others' }],
    ['a secret of another name', { ...TOKEN, name: 'others' }],
    ['a secret under the name of data', { ...TOKEN, name: 'patients' }],
    ['data under the name of a secret', { ...PATIENTS, name: 'lookup-token' }],
  ])('takes no %s', async (_, item) => {
    const world = await openVaultWorld(makeTestFolder(), [vaultPolicy(SECTIONS)]);
    await expect(world.put(item, SECRET)).rejects.toMatchObject({ code: 'ERR_POLICY_DENIED_UPLOAD' });
    expect(world.vault.list('hospital-a')).toEqual([]);
    world.end();
  });

  it('takes data up to its size, and says so before any of it is there', async () => {
    const world = await openVaultWorld(makeTestFolder(), [vaultPolicy(SECTIONS)]);
    await world.put(PATIENTS, new Uint8Array(20));
    const { upload } = await world.seal(PATIENTS, new Uint8Array(21));
    expect(() => world.vault.admit(upload)).toThrow(expect.objectContaining({ code: 'ERR_POLICY_DENIED_UPLOAD' }));
    await expect(world.put(PATIENTS, new Uint8Array(21))).rejects.toMatchObject({ code: 'ERR_POLICY_DENIED_UPLOAD' });
    expect(world.vault.data('hospital-a', 'patients')?.bytes).toHaveLength(20);
    world.end();
  });

  it('holds no more than its caps, whatever policies allow', async () => {
    const large = vaultPolicy('data: { a: { mount: /a, max: 9 GiB } }');
    const world = await openVaultWorld(makeTestFolder(), [large]);
    const { upload } = await world.seal({ ...PATIENTS, name: 'a' }, new Uint8Array(1));
    const sized = (bytes: number) => ({ ...upload, size: bytes + HPKE_BYTES });
    expect(() => world.vault.admit(sized(LIMITS.uploadBytes))).not.toThrow();
    for (const bytes of [LIMITS.uploadBytes + 1, -1, Number.NaN])
      expect(() => world.vault.admit(sized(bytes))).toThrow(
        expect.objectContaining({ code: 'ERR_POLICY_DENIED_UPLOAD' }),
      );
    world.end();
  });

  it('takes nothing for an owner without a policy, or one whose policy accepts no machine', async () => {
    const world = await openVaultWorld(makeTestFolder(), [vaultPolicy(SECTIONS, { machine: '' })]);
    await expect(world.put(PATIENTS, ROWS)).rejects.toMatchObject({ code: 'ERR_POLICY_DENIED_UPLOAD' });
    await expect(world.put({ ...PATIENTS, owner: 'hospital-b' }, ROWS)).rejects.toMatchObject({
      code: 'ERR_POLICY_NOT_IN_FORCE',
    });
    world.end();
  });

  it.each([
    ['another owner', { owner: 'hospital-b' }],
    ['another name', { name: 'others' }],
    ['another kind', { kind: 'secret' }],
    ['another run of the worker', { instance: new Uint8Array(16).fill(4) }],
    ['another policy', { policy: `sha256:${'1'.repeat(64)}` }],
  ])('does not open what was sealed for %s', async (_, other) => {
    const world = await openVaultWorld(makeTestFolder(), [vaultPolicy(SECTIONS)]);
    const { upload, sealed } = await world.seal(PATIENTS, ROWS, other);
    await expect(world.vault.put(upload, sealed)).rejects.toMatchObject({ code: 'ERR_SECRET_SEAL' });
    expect(world.vault.data('hospital-a', 'patients')).toBeNull();
    world.end();
  });

  it('takes nothing that is not what was signed', async () => {
    const world = await openVaultWorld(makeTestFolder(), [vaultPolicy(SECTIONS)]);
    const { upload } = await world.seal(PATIENTS, ROWS);
    const other = await world.seal(PATIENTS, ROWS);
    await expect(world.vault.put(upload, other.sealed)).rejects.toMatchObject({ code: 'ERR_SECRET_SEAL' });
    await expect(world.vault.put({ ...other.upload, size: upload.size - 1 }, other.sealed)).rejects.toMatchObject({
      code: 'ERR_SECRET_SEAL',
    });
    await world.vault.put(other.upload, other.sealed);
    world.end();
  });

  it.each([
    ['too short', '1234567'],
    ['with a line end', '12345678\n'],
    ['with a line break inside', '1234\r\n5678'],
    ['with a blank in front', ' 12345678'],
    ['with a letter that headers cannot hold', '12345678é'],
    ['too long', 'x'.repeat(4097)],
  ])('takes no secret that is %s', async (_, value) => {
    const world = await openVaultWorld(makeTestFolder(), [vaultPolicy(SECTIONS)]);
    await expect(world.put(TOKEN, encodeUtf8(value))).rejects.toMatchObject({ code: 'ERR_POLICY_DENIED_UPLOAD' });
    await world.put(TOKEN, encodeUtf8('1234 678'));
    world.end();
  });

  it('wipes and removes what it forgets, and what a newer content replaces', async () => {
    const folder = makeTestFolder();
    const world = await openVaultWorld(folder, [vaultPolicy(SECTIONS)]);
    const changed: string[] = [];
    const stop = world.vault.onChange((owner) => changed.push(owner));
    await world.put(PATIENTS, ROWS);
    const old = world.vault.data('hospital-a', 'patients');
    await world.put(PATIENTS, encodeUtf8('Alan,41'));
    expect(old?.bytes.every((byte) => byte === 0)).toBe(true);
    expect(readdirSync(join(folder, 'files'))).toHaveLength(1);
    const now = world.vault.data('hospital-a', 'patients');
    expect(now?.edition).not.toBe(old?.edition);
    const forgotten = world.vault.forget(PATIENTS);
    // At once, whatever the disk does.
    expect(world.vault.data('hospital-a', 'patients')).toBeNull();
    expect(now?.bytes.every((byte) => byte === 0)).toBe(true);
    expect(await forgotten).toBe(true);
    expect(readdirSync(join(folder, 'files'))).toEqual([]);
    expect(await world.vault.forget(PATIENTS)).toBe(false);
    expect(changed).toEqual(['hospital-a', 'hospital-a', 'hospital-a']);
    stop();
    world.end();
    const next = await openVaultWorld(folder, [vaultPolicy(SECTIONS)]);
    expect(next.vault.list('hospital-a')).toEqual([]);
    next.end();
  });

  it('forgets also what was on its way when it was told to', async () => {
    const world = await openVaultWorld(makeTestFolder(), [vaultPolicy(SECTIONS)]);
    const { upload, sealed } = await world.seal(PATIENTS, ROWS);
    const putting = world.vault.put(upload, sealed);
    await world.vault.forget(PATIENTS);
    await putting;
    expect(world.vault.data('hospital-a', 'patients')).toBeNull();
    world.end();
  });
});

describe('after a restart, the vault', () => {
  it('holds what it held, under the same policy; nothing of it is readable on the disk', async () => {
    const folder = makeTestFolder();
    const first = await openVaultWorld(folder, [vaultPolicy(SECTIONS)]);
    await first.put(PATIENTS, ROWS);
    await first.put(TOKEN, SECRET);
    first.end();
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((n) =>
      /\.(db|sealed|db-wal)$/.test(n),
    ))
      for (const word of ['Grace', '0123456789', 'hospital', 'patients', 'lookup'])
        expect(readFileSync(join(folder, name)).includes(word)).toBe(false);
    const second = await openVaultWorld(folder, [vaultPolicy(SECTIONS)]);
    expect(second.vault.data('hospital-a', 'patients')?.bytes).toEqual(ROWS);
    expect(second.vault.secret('hospital-a', 'lookup-token')).toBe('Bearer 0123456789');
    second.end();
  });

  it('gives nothing out under another policy that the operator hands it, and again under the first', async () => {
    const folder = makeTestFolder();
    const first = await openVaultWorld(folder, [vaultPolicy(SECTIONS)]);
    await first.put(PATIENTS, ROWS);
    first.end();
    const other = await openVaultWorld(folder, [vaultPolicy(`${SECTIONS}\nexplain: nobody`)]);
    expect(other.vault.data('hospital-a', 'patients')).toBeNull();
    expect(other.vault.list('hospital-a')).toMatchObject([{ name: 'patients', state: 'withheld' }]);
    other.end();
    const again = await openVaultWorld(folder, [vaultPolicy(SECTIONS)]);
    expect(again.vault.data('hospital-a', 'patients')?.bytes).toEqual(ROWS);
    again.end();
  });

  it('can forget what it withholds', async () => {
    const folder = makeTestFolder();
    const first = await openVaultWorld(folder, [vaultPolicy(SECTIONS)]);
    await first.put(PATIENTS, ROWS);
    first.end();
    const other = await openVaultWorld(folder, [vaultPolicy(`${SECTIONS}\nexplain: nobody`)]);
    expect(await other.vault.forget(PATIENTS)).toBe(true);
    expect(other.vault.list('hospital-a')).toEqual([]);
    other.end();
    expect(readdirSync(join(folder, 'files'))).toEqual([]);
  });

  it('has lost a file that was cut or exchanged, and says so', async () => {
    const folder = makeTestFolder();
    const first = await openVaultWorld(folder, [vaultPolicy(SECTIONS)]);
    await first.put(PATIENTS, ROWS);
    first.end();
    const [file = ''] = readdirSync(join(folder, 'files'));
    const path = join(folder, 'files', file);
    writeFileSync(path, readFileSync(path).subarray(0, 40));
    const second = await openVaultWorld(folder, [vaultPolicy(SECTIONS)]);
    expect(second.lost).toEqual([PATIENTS]);
    expect(second.vault.list('hospital-a')).toEqual([]);
    second.end();
  });

  it('knows nothing of a file that was written before the worker was killed, and its row was not', async () => {
    const folder = makeTestFolder();
    const first = await openVaultWorld(folder, [vaultPolicy(SECTIONS)]);
    await first.put(PATIENTS, ROWS);
    first.end();
    writeFileSync(join(folder, 'files', `${'a'.repeat(32)}.sealed`), 'of a put that was not finished');
    writeFileSync(join(folder, 'files', `${'b'.repeat(32)}.sealed.part`), 'half');
    const second = await openVaultWorld(folder, [vaultPolicy(SECTIONS)]);
    expect(readdirSync(join(folder, 'files'))).toHaveLength(1);
    expect(second.vault.data('hospital-a', 'patients')?.bytes).toEqual(ROWS);
    second.end();
  });
});

describe('when an owner changes the policy, the vault', () => {
  it('holds what the next one names, and forgets the rest', async () => {
    const folder = makeTestFolder();
    const world = await openVaultWorld(folder, [vaultPolicy(SECTIONS)]);
    await world.put(PATIENTS, ROWS);
    await world.put(TOKEN, SECRET);
    const next = vaultPolicy('data: { patients: { mount: /data/others.csv, max: 15 B } }');
    world.policies.set('hospital-a', next);
    expect(world.vault.data('hospital-a', 'patients')).toBeNull();
    await world.vault.follow('hospital-a', next);
    expect(world.vault.data('hospital-a', 'patients')?.bytes).toEqual(ROWS);
    expect(world.vault.list('hospital-a').map(({ name }) => name)).toEqual(['patients']);
    world.end();
    const second = await openVaultWorld(folder, [next]);
    expect(second.vault.data('hospital-a', 'patients')?.bytes).toEqual(ROWS);
    second.end();
  });

  it.each([
    ['is too small for it', vaultPolicy('data: { patients: { mount: /data/patients.csv, max: 14 B } }')],
    ['accepts no machine', vaultPolicy(SECTIONS, { machine: '' })],
    ['is none', null],
  ])('forgets all when the next one %s', async (_, next) => {
    const folder = makeTestFolder();
    const world = await openVaultWorld(folder, [vaultPolicy(SECTIONS.split('\n')[0] ?? '')]);
    await world.put(PATIENTS, ROWS);
    if (next === null) world.policies.delete('hospital-a');
    else world.policies.set('hospital-a', next);
    await world.vault.follow('hospital-a', next);
    expect(world.vault.list('hospital-a')).toEqual([]);
    expect(readdirSync(join(folder, 'files'))).toEqual([]);
    world.end();
  });
});
