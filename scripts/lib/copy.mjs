import { cpSync, existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root, run } from './run.mjs';

/**
 * Copies what git tracks, and what it would track, to a new folder.
 *
 * @returns the folder; whoever asked removes it
 */
export async function copyOfProject() {
  const from = fileURLToPath(root);
  const folder = mkdtempSync(join(tmpdir(), 'throttled-udp-'));
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const listed = await run('git', args, { quiet: true });
  // A file that was deleted, but not yet in the index, is listed too.
  const paths = listed.split('\0').filter((path) => path !== '' && existsSync(join(from, path)));
  for (const path of paths) cpSync(join(from, path), join(folder, path));
  return folder;
}
