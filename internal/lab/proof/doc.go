// Package proof has no code, only a test: foundations that live by a seed and suffer every fault
// that is known of real ones, collected and metered by the real parts, and judged by the
// foundation's own truth.
package proof
