// Facts in words, as words.go has them for the page without this script, and those of the details.

import { bytes, count, plain, share, span } from './format.js';

export function managedMore(node) {
  const growing = `${count(node.active)} growing`;
  return node.elsewhere > 0 ? `${growing}, ${count(node.elsewhere)} kept by the runtime` : growing;
}

export const diskMore = (disk) => (disk.keptBytes ? `${bytes(disk.keptBytes)} of removed pods` : '');

export const rotationsMore = (node) => `in ${span((Date.parse(node.time) - Date.parse(node.started)) / 1000)}`;

export const runtimeName = (runtime) => plain(runtime.name ? `${runtime.name} ${runtime.version ?? ''}` : runtime.endpoint);

// runtimeMore is how the runtime is, or what is to be known of kubelet once the runtime answers.
export function runtimeMore(node) {
  if (node.runtime.state !== 'ready') return 'does not answer';
  if (node.kubelet.rotates) return 'kubelet rotates logs too';
  if (node.mode === 'proxy' && !node.kubelet.calls) return 'no call of kubelet yet';
  return 'ready';
}

export const times = (n) => (n < 2 ? '' : `× ${count(n)}`);

export const who = (event) => plain([event.namespace, event.pod, event.container].filter(Boolean).join('/'));

// badge is what is to be seen of a log without its details.
export function badge(log) {
  if (log.lastError) return 'error';
  if (log.elsewhere) return 'kept by the runtime';
  if (!log.managed && log.notManaged) return 'not managed';
  return '';
}

export const current = (log) =>
  log.policy.maxSize > 0 && log.currentBytes != null ? `${bytes(log.currentBytes)} of ${bytes(log.policy.maxSize)}` : bytes(log.currentBytes);

// policy is what holds for a log, in the order in which it comes to bear.
export function policy(p) {
  const parts = [];
  if (p.maxSize > 0) parts.push(`rotated at ${bytes(p.maxSize)}`, `at most ${count(p.maxFiles)} files`);
  else parts.push('not rotated');
  if (p.maxTotalSize > 0) parts.push(`${bytes(p.maxTotalSize)} altogether`);
  if (p.maxAge > 0) parts.push(`rotated after ${span(p.maxAge)}`);
  parts.push(p.compression && p.compression !== 'none' ? `compressed with ${plain(p.compression)}` : 'not compressed');
  parts.push(p.keepAfterRemoval > 0 ? `kept for ${span(p.keepAfterRemoval)} after the pod` : 'removed with the pod');
  return parts.join(', ');
}

export const overshoot = (log) => (log.overshoot > 0 ? `${log.overshoot.toFixed(2)} times the limit` : '–');

export const compression = (log) =>
  log.compressionRatio > 0 ? `1/${log.compressionRatio.toFixed(1)} of their size` : '–';

// bounds are the bounds that there are. Each comes to 100 % where it is reached: what logs take as
// a part of what they may, and the floor as a part of what is free.
export function bounds(disk) {
  const all = [];
  if (disk.maxBytes != null) {
    all.push({
      name: 'node.maxBytes', used: share(disk.logBytes, disk.maxBytes),
      text: `${bytes(disk.logBytes)} of ${bytes(disk.maxBytes)} for logs`,
    });
  }
  if (disk.minFreeBytes != null) {
    all.push({
      name: 'node.minFree', used: floor(disk.minFreeBytes, disk.freeBytes),
      text: `${bytes(disk.freeBytes)} free, at least ${bytes(disk.minFreeBytes)}`,
    });
  }
  if (disk.minFreeInodes != null) {
    all.push({
      name: 'node.minFreeInodes', used: floor(disk.minFreeInodes, disk.freeInodes),
      text: `${count(disk.freeInodes)} inodes free, at least ${count(disk.minFreeInodes)}`,
    });
  }
  return all;
}

function floor(least, free) {
  if (free == null || least <= 0) return 0;
  return free <= least ? 100 : share(least, free);
}
