package redact

import (
	"bytes"
	"regexp"
	"strings"
)

const (
	mask     = "***"
	userinfo = "***:***@" // as Cloud Controller's UrlSecretObfuscator writes it
)

// at and slash are how "@" and "//" may stand in a URL inside JSON that has not been decoded.
var (
	schemeMark = regexp.MustCompile(`://|:(?:\\+/){2}|:\\+u002[fF]\\+u002[fF]`)
	atSign     = regexp.MustCompile(`@|\\+u0040`)
	hostPort   = regexp.MustCompile(`^[^:@/]*:\d{1,5}(?:[/?#\\]|$)`)
	barePair   = regexp.MustCompile(`[^\s"'@/\\:,;<>(){}\[\]]+:[^\s"'@\\,;<>]+@[^\s"'@]`)
	gitRef     = regexp.MustCompile(`^[\w./-]{1,64}$`)
	pathValue  = regexp.MustCompile(`;([^=;/]*)=[^;/]*`) // a parameter of a path segment, RFC 3986 section 3.3
	wholeURL   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)
)

// URL removes the secrets of a string that is a URL or the name of a buildpack: userinfo becomes "***:***", every query
// value and path parameter "***", and so do values in the fragment, and fragments that cannot be the name of a git branch, tag or commit.
// Cloud Controller redacts the userinfo of URLs that it can parse, and nothing else. A name without a URL and the scp
// form git@host:path have no password and stay as they are.
func URL(s string) string {
	if !strings.ContainsAny(s, ":@") {
		return s
	}
	m := schemeMark.FindStringIndex(s)
	if m == nil {
		return pairs(s)
	}
	return s[:m[1]] + afterScheme(s[m[1]:])
}

// URLs applies URL to every URL in a text.
func URLs(s string) string {
	if !strings.ContainsAny(s, ":@") {
		return s
	}
	var b strings.Builder
	for {
		m := schemeMark.FindStringIndex(s)
		if m == nil {
			b.WriteString(pairs(s))
			return b.String()
		}
		end := m[1] + urlEnd(s[m[1]:])
		b.WriteString(pairs(s[:m[0]]))
		b.WriteString(s[m[0]:m[1]])
		b.WriteString(afterScheme(s[m[1]:end]))
		s = s[end:]
	}
}

// Value redacts a string of an event: as one URL, white space and all, where it begins as one, and each URL in it.
func Value(s string) string {
	if wholeURL.MatchString(s) {
		s = URL(s)
	}
	return URLs(s)
}

// pairs removes user:password@ in front of a host without a scheme.
func pairs(s string) string {
	if !strings.Contains(s, "@") {
		return s
	}
	return barePair.ReplaceAllStringFunc(s, func(m string) string {
		if hostPort.MatchString(m) {
			return m // registry:5000/image@sha256
		}
		return userinfo + m[len(m)-1:]
	})
}

// urlEnd is where a URL in a text ends: at white space, a quote, an angle bracket, or a control character; and at the
// next URL, which begins with a scheme of its own. A backslash before a quote belongs to the quote.
func urlEnd(s string) int {
	end := len(s)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c == '"' || c == '\'' || c == '<' || c == '>' || c == '`' {
			end = i
			for end > 0 && s[end-1] == '\\' {
				end--
			}
			break
		}
	}
	return end
}

// afterScheme redacts what follows the "//" of a URL. It parses nothing that a wrong URL could fail.
func afterScheme(s string) string {
	authority := len(s)
	if i := strings.IndexAny(s, "/?#\\"); i >= 0 {
		authority = i
		for strings.HasPrefix(s[authority:], `\u0040`) || strings.HasPrefix(s[authority:], `\\u0040`) {
			// an escaped @ does not end the authority
			j := strings.IndexAny(s[authority+6:], "/?#\\")
			if j < 0 {
				authority = len(s)
				break
			}
			authority += 6 + j
		}
	}
	host := lastAt(s[:authority])
	if host == 0 && strings.Contains(s[:authority], ":") && !hostPort.MatchString(s) {
		// A password with an unescaped "/", "?" or "#" hides its "@" behind what looks like the path.
		host = lastAt(s)
	}
	prefix := ""
	if host > 0 {
		prefix, s = userinfo, s[host:]
	}
	base, fragment, hasFragment := strings.Cut(s, "#")
	base, query, hasQuery := strings.Cut(base, "?")
	s = prefix + pathValue.ReplaceAllString(base, ";$1="+mask)
	if hasQuery {
		s += "?" + values(query)
	}
	if !hasFragment {
		return s
	}
	if gitRef.MatchString(fragment) && !SecretKey(fragment) || fragment == "" {
		return s + "#" + fragment
	}
	return s + "#" + values(fragment)
}

// lastAt returns the position behind the last "@", 0 when there is none.
func lastAt(s string) int {
	all := atSign.FindAllStringIndex(s, -1)
	if len(all) == 0 {
		return 0
	}
	return all[len(all)-1][1]
}

// values masks the values of a query; a parameter without a value is all value.
func values(query string) string {
	if query == "" {
		return ""
	}
	parts := strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' })
	for i, p := range parts {
		name, _, found := strings.Cut(p, "=")
		if found {
			parts[i] = name + "=" + mask
		} else {
			parts[i] = mask
		}
	}
	return strings.Join(parts, "&")
}

// MayHoldSecret is a cheap test of JSON before Value is applied to its strings: without one of these bytes, no string in it
// can hold a URL with a secret.
func MayHoldSecret(json []byte) bool {
	return bytes.ContainsAny(json, "@?#;\\")
}
