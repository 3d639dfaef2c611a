package catalogue_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = DescribeTable("A catalogue looks at the buildpacks of apps",
	func(looks bool, lines ...string) {
		at := time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC)
		Expect(read(plans(lines...)).ReadsBuildpack("eu", at)).To(Equal(looks))
	},
	Entry("where a plan for apps does", true, `name: java, match: {kind: app, buildpack: "java*"}`),
	Entry("where a plan for any kind does", true, `name: java, match: {buildpack: "java*"}`),
	Entry("where a plan of the foundation does", true, `name: java, match: {buildpack: "java*", foundation: "e*"}`),
	Entry("and does not where a plan of another foundation does", false,
		`name: java, match: {buildpack: "java*", foundation: us}`),
	Entry("and does not where a plan for builds does", false, `name: java, match: {kind: staging, buildpack: java}`),
	Entry("and does not where none does", false, `name: app, match: {kind: app}`),
	Entry("where one comes into force later", true, `name: app, match: {kind: app}`,
		`name: app, match: {kind: app, buildpack: java}, valid_from: 2027-01-01`),
	Entry("and does not where one has ended", false, `name: app, match: {kind: app, buildpack: java}`,
		`name: app, match: {kind: app}, valid_from: 2026-11-01`),
)
