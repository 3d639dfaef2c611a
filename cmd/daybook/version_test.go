package main

import (
	"runtime/debug"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = DescribeTable("The version says commit and date",
	func(version string, settings []debug.BuildSetting, text string) {
		info := &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
		Expect(stamped(info).String()).To(Equal(text))
	},
	Entry("of a build in a checkout", "(devel)", []debug.BuildSetting{
		{Key: "vcs.revision", Value: "da223887b0e063aa8af49275fae12fec077e4582"},
		{Key: "vcs.time", Value: "2026-11-30T07:35:51Z"},
		{Key: "vcs.modified", Value: "true"},
	}, "(devel) commit da223887b0e0 of 2026-11-30T07:35:51Z, with changes"),
	Entry("of an installed commit", "v0.0.0-20261130073551-da223887b0e0", nil,
		"v0.0.0-20261130073551-da223887b0e0 commit da223887b0e0 of 2026-11-30T07:35:51Z"),
	Entry("of an installed commit after a release", "v1.2.4-0.20261130073551-da223887b0e0", nil,
		"v1.2.4-0.20261130073551-da223887b0e0 commit da223887b0e0 of 2026-11-30T07:35:51Z"),
	Entry("of a release, which has none", "v1.2.3", nil, "v1.2.3 of an unknown commit"),
)
