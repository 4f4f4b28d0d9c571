const ANY: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

/** Where this machine reaches who listens there: what means "all addresses" cannot be dialled. */
export function dialledAddress(listened: string): string {
  return ANY[listened] ?? listened
}

/** Whether only this machine reaches it: 127.0.0.0/8 (RFC 1122, 3.2.1.3) and ::1 (RFC 4291, 2.5.3). */
export function isLoopback(address: string): boolean {
  return /^(?:127\.|::1$)/.test(address)
}
