package api

import (
	"testing"

	"pgregory.net/rapid"
)

func TestATenantIsNeverEverybody(t *testing.T) {
	subjects := map[string]string{}
	rapid.Check(t, func(t *rapid.T) {
		tenant := rapid.OneOf(rapid.SampledFrom([]string{"all", "%61ll", "ALL", "al", "all.", "*", ">", "%"}),
			rapid.StringN(1, 40, 40)).Draw(t, "tenant")
		subject := querySubject(tenant, "totals")
		if other, known := subjects[subject]; known && other != tenant {
			t.Fatalf("%q and %q are asked on %s", tenant, other, subject)
		}
		subjects[subject] = tenant
		got, everybody, err := queryTenant(subject)
		if err != nil || everybody || got != tenant {
			t.Fatalf("%s is about %q, everybody: %v, %v", subject, got, everybody, err)
		}
	})
	if got, everybody, err := queryTenant("daybook.query.all.totals"); err != nil || !everybody || got != "" {
		t.Errorf("everybody's subject is about %q, %v", got, err)
	}
	if _, _, err := queryTenant("daybook.query"); err == nil {
		t.Error("a subject without a tenant is taken")
	}
}
