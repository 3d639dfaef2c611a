package e2e_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	amqp "github.com/rabbitmq/amqp091-go"
)

// Secrets in the input, never to be seen again. A token of Keystone's is known by its form, a
// password only by its key.
const (
	token    = "gAAAAABm-PLANTED-4711-abcdefghij"
	password = "correct-PLANTED-battery-4711"
)

// zipped compresses as kombu (deflate: zlib) or as others do (gzip).
func zipped(kind, body string) []byte {
	GinkgoHelper()
	var b bytes.Buffer
	var w io.WriteCloser = zlib.NewWriter(&b)
	if kind == "gzip" {
		w = gzip.NewWriter(&b)
	}
	_, err := io.WriteString(w, body)
	Expect(err).NotTo(HaveOccurred())
	Expect(w.Close()).To(Succeed())
	return b.Bytes()
}

// push asks the collector to take a notification, as curl does. Without a secret it sends none.
func push(ctx context.Context, url, secret, encoding string, body []byte) (status int, answer string) {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/ingest/trove", bytes.NewReader(body))
	Expect(err).NotTo(HaveOccurred())
	request.Header.Set("Content-Type", "application/json")
	if secret != "" {
		request.Header.Set("Authorization", "Bearer "+secret)
	}
	if encoding != "" {
		request.Header.Set("Content-Encoding", encoding)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	return response.StatusCode, string(b)
}

// noSecret expects none, or shows the text around it.
func noSecret(where string, content []byte) {
	GinkgoHelper()
	const around = 150
	for _, secret := range []string{token, password} {
		if i := bytes.Index(content, []byte(secret)); i >= 0 {
			Fail(fmt.Sprintf("a secret is in %s: …%s…", where, content[max(i-around, 0):min(i+len(secret)+around,
				len(content))]))
		}
	}
}

// tainted are messages with secrets in every possible place: in stored, passed over and unreadable
// ones.
func tainted() []amqp.Publishing {
	GinkgoHelper()
	var bodies []string
	for _, line := range capture("lifecycle_unsanitised_ctx_like_oslo_lt_14.4.jsonl") {
		bodies = append(bodies, strings.NewReplacer("SECRET-TOKEN", token, "CATALOG", password).Replace(line))
	}
	Expect(strings.Join(bodies, "")).To(And(ContainSubstring(token), ContainSubstring(password)))
	called := func(o object) {
		o["_context_auth_token"], o["_context_user"], o["_context_roles"] = password, password, []string{password}
		o["_context_service_catalog"] = []object{{"endpoints": []object{{"adminURL": password}}}}
		o["auth_token"], o["X-Auth-Token"], o["AUTH_TOKEN"], o["client_ip"], o["server_ip"] = password, password,
			password, password, password
		o["traceback"], o["exception"] = "Traceback: {'auth_token': '"+password+"'}", object{"args": []string{password}}
		o["root_password"], o["users"] = password, []object{{"name": "u", "password": password}}
		o["context"] = object{"service_catalog": password, "credentials": object{"x": []string{password}}}
		o["console"] = "https://user:" + password + "@db.example.org/x?token=" + password
		o["note"] = "sent with Authorization: Bearer " + password + " and password=" + password
		o["request"] = text(object{"headers": object{"X-Auth-Token": password}})
	}
	unknown := func(o object, secret string) {
		o["a"], o["datastore"], o["list"] = secret, object{"root": secret, "deep": object{"deeper": []any{1, secret}}},
			[]string{secret}
	}
	tainted := func(instance string, edit func(outer, payload object)) string {
		return creation(instance, func(outer, payload object) {
			called(outer)
			called(payload)
			unknown(outer, token)
			unknown(payload, token)
			if edit != nil {
				edit(outer, payload)
			}
		})
	}
	full := tainted("full", nil)
	understood := []string{
		full, envelope(full),
		tainted("dropped", func(outer, payload object) {
			unknown(outer, password)
			unknown(payload, password)
		}),
		tainted("named", func(outer, payload object) {
			payload["instance_name"], payload["name"] = "https://user:"+password+"@db.example.org/?k="+password,
				"ftp://"+password+"@h"
			payload["display_name"], payload["instance_type"] = "http://a:"+password+"@h", "https://u:"+password+"@h"
			outer["publisher_id"], payload["region"] = "amqp://u:"+password+"@h", "https://u:"+password+"@h"
		}),
		tainted("passed over", func(outer, payload object) {
			outer["event_type"] = "dbaas.instance_resize_volume.error"
			unknown(payload, password)
		}),
		tainted("of another", func(outer, _ object) {
			outer["event_type"] = "https://user:" + password + "@h/compute.instance.create"
			unknown(outer, password)
		}),
	}
	refused := []string{
		tainted("many", func(_, payload object) { payload["volume_size"] = "many" }),
		tainted("late", func(_, payload object) { payload["created_at"] = "yesterday" }),
		tainted("without a tenant", func(_, payload object) { delete(payload, "tenant_id") }),
		tainted("without a type", func(outer, _ object) { outer["event_type"] = object{"auth_token": password} }),
		tainted("without a payload", func(outer, _ object) { outer["payload"] = []object{{"auth_token": password}} }),
		tainted("huge", func(outer, payload object) { // beyond the kept length
			payload["volume_size"], outer["password"] = "many", strings.Repeat(password, 4000)
		}),
		text(object{"oslo.version": "2.0", "oslo.message": object{"auth_token": password}}),
		`{"auth\u005ftoken":"` + password + `","event_type":"trove.instance.create","payload":{"pass\u0077ord":"` +
			password + `"}}`,
		`{'auth_token': '` + password + `', 'event_type': 'trove.instance.create'}`,
		strings.Replace(full, `"volume_size":1`, `"volume_size":NaN`, 1),
		strings.Replace(full, `"r1"`, "\"r\xff\"", 1),
		"\ufeff" + full, full + full, "[" + full + "]", text(full), text(text(full)), envelope(envelope(full)),
		"Authorization: Bearer " + password + "\r\n\r\n" + full,
	}
	for _, whole := range []string{full, envelope(full)} {
		for at := len(whole) / 12; at < len(whole)-12; at += len(whole) / 12 {
			refused = append(refused, whole[:at])
		}
	}
	var all []amqp.Publishing
	for _, body := range slices.Concat(bodies, understood, refused) {
		all = append(all, amqp.Publishing{Body: []byte(body)})
	}
	for _, body := range []string{
		full, envelope(full), full[:len(full)-9],
		tainted("packed", func(_, payload object) { payload["volume_size"] = "many" }),
	} {
		for _, kind := range []string{"zlib", "gzip"} {
			packed := zipped(kind, body)
			all = append(all, amqp.Publishing{Body: packed, Headers: amqp.Table{
				"compression":  "application/x-gzip",
				"X-Auth-Token": password,
			}},
				amqp.Publishing{
					Body: packed[:len(packed)*2/3], CorrelationId: password, MessageId: password,
					AppId: password,
				})
		}
	}
	for _, begin := range []string{"\xfd7zXZ\x00", "BZh9", "\x28\xb5\x2f\xfd", "\x1f\x8b\x08", "\x78\x9c", "token "} {
		all = append(all, amqp.Publishing{
			Body:    []byte(begin + token + full),
			Headers: amqp.Table{"compression": "application/x-lzma"},
		})
	}
	return all
}
