package redact

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// MaxText is how many bytes of an input Text keeps.
const MaxText = 64 << 10

const maxKey = 128 // bytes of a JSON key for Text to look at

var (
	secretWords = []string{
		"token", "pass", "secret", "catalog", "credential", "authorization", "api_key", "apikey",
		"api-key", "private_key", "access_key", "signature", "client_ip", "server_ip", "traceback", "exception",
		"user_data",
	}
	assignment = regexp.MustCompile(`(?i)([\w.-]*(?:token|pass|secret|credential|authorization|api[_-]?key|private_key|access_key|signature)[\w.-]*)(\s*[=:]\s*)((?:bearer|basic)\s+)?([^\s"'\\,;&<>}\]]+)`)
	header     = regexp.MustCompile(`(?i)((?:authorization|cookie)\s*[=:]\s*)[^\s"'\\][^\r\n"'\\]*`)
	bearer     = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}`)
	// keystone is how Keystone's tokens look, whatever they stand behind: Fernet's version and the
	// first bytes of its time, zero until 2106. Source: github.com/fernet/spec; keystone,
	// keystone/token/token_formatters.py.
	keystone = regexp.MustCompile(`gAAAAA[A-Za-z0-9_-]{20,}(?:=|%3D)*`)
)

// SecretKey reports whether the JSON member of this name is a secret, or context with room for one
// or tells of a person: names with a word such as token, pass, secret, catalog or credential in any
// case, oslo's _context_*, addresses of clients, and tracebacks.
func SecretKey(key string) bool {
	if strings.HasPrefix(key, "_context_") {
		return true
	}
	if len(key) < len("pass") {
		return false
	}
	key = strings.ToLower(key)
	for _, w := range secretWords {
		if strings.Contains(key, w) {
			return true
		}
	}
	return false
}

// Text removes secrets from any text: the values of members named by SecretKey, whole
// objects and lists included, also in JSON that is cut off, in JSON escaped in a JSON string, and
// in Python's notation; credentials and query values of URLs; name=value and header: value pairs;
// tokens of Keystone wherever they stand. Bytes outside of UTF-8 become U+FFFD. The result has at
// most MaxText bytes of the text; its end tells the number of bytes cut off.
func Text(s string) string { return bounded(clean(s), 0) }

// Cut is Text for the beginning of an input with excess more bytes. The part behind the last
// delimiter is left out: a URL or a pair there may have lost the mark by which its secret is
// known.
func Cut(s string, excess int) string {
	end := max(0, strings.LastIndexAny(s, " \t\n\"',<>"))
	return bounded(clean(s[:end]), len(s)-end+excess)
}

func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = keystone.ReplaceAllString(s, mask)
	s = members(s)
	s = URLs(s)
	s = header.ReplaceAllString(s, "${1}"+mask)
	s = assignment.ReplaceAllString(s, "${1}${2}${3}"+mask)
	return bearer.ReplaceAllString(s, "${1} "+mask)
}

func bounded(s string, excess int) string {
	if len(s) <= MaxText && excess == 0 {
		return s
	}
	cut := min(len(s), MaxText)
	for cut < len(s) && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%s … [cut: %d more bytes]", s[:cut], len(s)-cut+excess)
}

// members masks the values of secret JSON members at every level of escaping. A quote of level n is
// preceded by n backslashes; a value at a level ends at a quote of the same level, or with the
// string that holds it, whose closing quote has fewer.
func members(s string) string {
	var b strings.Builder
	from := 0
	for i := 0; i < len(s); {
		quote, open := quoteAt(s, i)
		if open == 0 {
			i++
			continue
		}
		value, ok := secretMember(s, open, quote)
		if !ok {
			i = open
			continue
		}
		end := valueEnd(s, value, quote)
		b.WriteString(s[from:value])
		if s[value:end] == "null" {
			b.WriteString("null")
		} else {
			escapes := quote[:len(quote)-1]
			b.WriteString(escapes + `"` + mask + escapes + `"`)
		}
		from, i = end, end
	}
	b.WriteString(s[from:])
	return b.String()
}

// quoteAt returns the quote with its backslashes at i, and the position behind it; 0
// when there is none.
func quoteAt(s string, i int) (string, int) {
	if s[i] != '"' && s[i] != '\'' && s[i] != '\\' || i > 0 && s[i-1] == '\\' {
		return "", 0
	}
	j := i
	for j < len(s) && s[j] == '\\' {
		j++
	}
	if j == len(s) || s[j] != '"' && s[j] != '\'' {
		return "", 0
	}
	return s[i : j+1], j + 1
}

// secretMember reports whether a secret key stands at i, behind its opening quote, and where its
// value begins.
func secretMember(s string, i int, quote string) (int, bool) {
	window := s[i:min(len(s), i+maxKey)]
	end := strings.Index(window, quote)
	if end < 0 || strings.ContainsAny(window[:end], "\n{}[]") {
		return 0, false
	}
	key := strings.ReplaceAll(window[:end], `\`, "")
	if !SecretKey(unescapeKey(key)) {
		return 0, false
	}
	j := skipSpace(s, i+end+len(quote))
	if j >= len(s) || s[j] != ':' {
		return 0, false
	}
	return skipSpace(s, j+1), true
}

var unicodeEscape = regexp.MustCompile(`u00([2-7][0-9a-fA-F])`)

// unescapeKey undoes \u00XX escapes without their backslashes: an escaped key cannot
// hide. A plain key never becomes a secret one by it.
func unescapeKey(key string) string {
	if !strings.Contains(key, "u00") {
		return key
	}
	return key + "\n" + unicodeEscape.ReplaceAllStringFunc(key, func(m string) string {
		var c rune
		_, _ = fmt.Sscanf(m[3:], "%x", &c) // the expression has matched two hexadecimal digits
		return string(c)
	})
}

func skipSpace(s string, i int) int {
	for i < len(s) {
		switch {
		case s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r':
			i++
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == 'n' || s[i+1] == 't' || s[i+1] == 'r'):
			i += 2
		default:
			return i
		}
	}
	return i
}

// valueEnd returns the end of the value at i; the end of the text when there is none.
func valueEnd(s string, i int, quote string) int {
	depth := 0
	for i < len(s) {
		q, after := quoteAt(s, i)
		switch {
		case after == 0 && (s[i] == '{' || s[i] == '['):
			depth++
			i++
		case after == 0 && (s[i] == '}' || s[i] == ']'):
			if depth--; depth < 0 {
				return i
			}
			i++
			if depth == 0 {
				return i
			}
		case after == 0 && depth == 0 && s[i] == ',':
			return i
		case after == 0:
			i++
		case len(q) < len(quote):
			return i // the string around all this ends
		default:
			i = stringEnd(s, after, q)
			if depth == 0 {
				return i
			}
		}
	}
	return len(s)
}

// stringEnd returns the position behind the closing quote of a string whose content begins at i;
// the string that holds it may end first. With m backslashes in front of the string's own quotes, a
// backslash in its content takes m+1, and so an escaped one 2(m+1): what remains of a longer run
// tells whether the quote behind it closes, is escaped, or is outer.
func stringEnd(s string, i int, quote string) int {
	m := len(quote) - 1
	for i < len(s) {
		q, after := quoteAt(s, i)
		if after == 0 {
			i++
			continue
		}
		rest := (len(q) - 1) % (2 * (m + 1))
		same := q[len(q)-1] == quote[m]
		switch {
		case same && rest == m:
			return after
		case same && rest < m:
			return i
		}
		i = after
	}
	return len(s)
}
