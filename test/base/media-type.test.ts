import { describe, expect, it } from 'vitest';
import { parseMediaType } from '../../src/base/media-type.ts';

describe('a media type', () => {
  it.each([
    ['application/json', 'application/json'],
    ['Text/HTML; charset=utf-8', 'text/html'],
    ['text/plain ;x', 'text/plain'],
    ['application/problem+json', 'application/problem+json'],
  ])('%j is %s', (text, type) => {
    expect(parseMediaType(text)).toBe(type);
  });

  it.each([
    '',
    'text',
    '/',
    'text/',
    '/plain',
    'text/plain/x',
    'text/plain, text/html',
    'te xt/plain',
    'text/*',
    'text/pl\u00e4in',
    `a/${'b'.repeat(65)}`,
  ])('%j is none', (text) => {
    expect(parseMediaType(text)).toBeNull();
  });
});
