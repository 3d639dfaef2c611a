// Package usageevent turns a usage event of Cloud Foundry into a fact (FromDocument, a pure
// function). It knows the layouts in which people have these events: those of the APIs v3 and v2,
// and those of the tables of alphagov/paas-billing.
package usageevent
