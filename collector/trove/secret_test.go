package trove_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("A planted secret", func() {
	It("is in no stream, no log and no file", func(ctx SpecContext) {
		r := newRig(ctx)
		p := r.publisher(false)
		c := r.start(ctx).bound()
		token := `"_context_auth_token":"` + planted + `","_context_service_catalog":[{"token":"` + planted +
			`"}],"client_ip":"` + planted + `","traceback":"` + planted + `",`
		full := strings.Replace(create, `{"message_id":"m"`, `{`+token+`"message_id":"m"`, 1)
		full = strings.Replace(full, `"payload":{`, `"payload":{`+token+`"admin_password":"`+planted+`",`, 1)
		other := strings.Replace(full, "trove.instance.create", "compute.instance.create", 1)
		broken := full[:len(full)-2]
		odd := strings.Replace(full, `"payload":{`,
			`"payload":{"instance_size":"many","odd":["it failed: Traceback (most recent call last):\n  File \"x.py\"\n`+planted+`"],`, 1)
		for _, body := range []string{full, other, broken, odd, odd[:len(odd)-2]} {
			p.send(ctx, body, "\x00\x01"+body, envelope(body), string(zlibbed(body)), string(gzipped(envelope(body))),
				string(zlibbed(body)[:len(zlibbed(body))-20]))
		}
		p.send(ctx, notify("last"))
		Eventually(func() []string { return r.resources(ctx) }).WithTimeout(patience).Should(ContainElement("last"))
		c.stop()
		Expect(r.facts(ctx)).To(HaveLen(2))
		Expect(r.quarantined(ctx)).To(ContainElement(HaveField("Input", And(ContainSubstring(`"instance_size":"many"`),
			ContainSubstring("it failed: Traceback (most recent call last): ***")))))
		Expect(r.log.String()).To(And(ContainSubstring("quarantined"), Not(ContainSubstring(planted))))
		for _, stream := range []string{"USAGE", "QUARANTINE"} {
			for _, m := range r.stored(ctx, stream, ">") {
				Expect(string(m.Data)).NotTo(ContainSubstring(planted))
			}
		}
		Expect(filepath.WalkDir(r.data, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			Expect(string(text)).NotTo(ContainSubstring(planted), path)
			return err
		})).To(Succeed())
	})
})
