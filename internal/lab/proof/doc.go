// Package proof has no code, only a test: foundations with seeds and with every known fault of real
// ones, collected and metered by the real parts, and judged by the foundation's own truth.
package proof
