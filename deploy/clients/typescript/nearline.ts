// generated: python -m deploy.generate --write
//
// Types of nearline's messages (JSON, snake_case as on the wire), and a client of `nearline serve`.

import { type Options, Transport } from './runtime.js'

export { NearlineError, type Options } from './runtime.js'

export interface Accepted {
  /** The id under which it counts, once. */
  event_id: string
  /** Of a `forget`: whether the viewer had a page. */
  known?: boolean
}

/** A new title that strongly fits a viewer's taste. At most one per viewer and title, and few a week. */
export interface Alert {
  /** The viewer to notify; the record's key. */
  viewer_id: string
  /** Id derived from viewer and title, so that the delivering service can detect duplicates. */
  alert_id: string
  /** The title. */
  title_id: string
  /** Text of the notification, in `language`. */
  text: string
  /** Language of the text as a BCP 47 tag; absent: English. */
  language?: string | null
  /** Reason: `taste` or `co_watch`. */
  reason: ItemReason
  /** Predicted fit; comparable with the scores of the page that the same event caused. */
  score: number
  /** Share of the titles the viewer may see and has not watched that score no higher, from 0 to 1. */
  above: number
  /** Since when the title is released and licensed (UTC, ms since 1970). */
  since_ms: number
  /** Event time as of which the alert was computed (UTC, ms since 1970). */
  generated_at_ms: number
  /** The alert should not be delivered from this time on (UTC, ms since 1970). */
  expires_at_ms: number
  /** Version of the model and fingerprint of its configuration, as `name@fingerprint`. */
  model_version: string
  /** The event that caused the alert. */
  source: Source
  /** Version of the contract; absent means 1. */
  schema_version?: number
}

/** One arm. */
export interface Arm {
  /** Its name. */
  name: string
  /** Share of the experiment's viewers, in steps of .0001. */
  share: number
  /** The changes; absent: none. */
  treatment?: Treatment | null
}

/** One arm. */
export interface ArmResult {
  /** Its name. */
  arm: string
  /** Planned share of the viewers. */
  share: number
  /** Viewers exposed so far. */
  viewers: number
  /** Titles that were visible on lists. */
  impressions?: number
  /** Titles opened or played from a list. */
  clicks?: number
  /** Playbacks that ended. */
  starts?: number
  /** Of these, playbacks to the credits. */
  completions?: number
  /** Of these, playbacks of more than half of the title. */
  quality_watches?: number
  /** Of these, playbacks that ended within a minute. */
  abandoned?: number
  /** Minutes watched. */
  watch_minutes?: number
  /** Metrics that have a value. */
  metrics?: MetricValue[]
}

/** One artwork variant of a title. */
export interface Artwork {
  /** Unique within the title; lists and impressions refer to it. */
  id: string
  /** Address of the image. */
  uri: string
  /** What the image shows (`romance`, the id of an actor), in the vocabulary of the title's tags. */
  tags?: string[]
}

/** How the artwork of a title is chosen. */
export type ArtworkPolicy = 'bandit' | 'first' | 'uniform'

/** The audience of an experiment; absent fields do not restrict it. */
export interface Audience {
  /** Viewers in these countries. */
  countries?: string[]
  /** Only impressions on these kinds of device count as exposures. */
  devices?: string[]
  /** Only profiles with an age limit of at most this many years, such as children's profiles. */
  maturity_at_most?: number | null
  /** Only viewers whose first event came after the start are exposed. */
  new_viewers?: boolean
}

/** What was done. */
export type AuditAction = 'experiment.create' | 'experiment.roll-back' | 'experiment.roll-out' | 'experiment.start' | 'experiment.stop' | 'forget' | 'model.retire' | 'model.switch' | 'resend' | 'rule.remove' | 'rule.start' | 'rule.stop' | 'rule.write' | 'sign-in'

/** Something that an operator did, or was refused. */
export interface AuditRecord {
  /** When (UTC, ms since 1970). */
  at_ms: number
  /** Who: the name of the key, or the user of the operating system who gave the command. */
  actor: string
  /** How. */
  via: AuditVia
  /** What. */
  action: AuditAction
  /** On what. */
  subject: string
  /** More about it, such as the arm that was rolled out. */
  detail?: string | null
  /** Why it was refused; absent: it was done. */
  refused?: string | null
  /** Version of the contract; absent means 1. */
  schema_version?: number
}

/** How it was done. */
export type AuditVia = 'command' | 'http'

/** When and where a title may be shown. It is not recommended outside of its window and countries. */
export interface Availability {
  /** First millisecond (UTC) of the licence; absent: no start. */
  start_ms?: number | null
  /** First millisecond (UTC) after the licence; absent: no end. */
  end_ms?: number | null
  /** Countries, as ISO 3166-1 alpha-2 codes; empty: all. */
  countries?: string[]
}

/** The viewer browsed. */
export interface Browse {
  type: 'browse'
  /** Chosen by the producer, unique per event. An event with a repeated id is a duplicate and is not
   * counted again. May be sent in the CloudEvents header `ce_id` instead. */
  event_id: string
  /** Opaque id of the account; the record's key. */
  viewer_id: string
  /** When the event happened on the viewer's device (UTC, ms since 1970), not when it was sent or stored. */
  event_time_ms: number
  /** Version of the contract; absent means 1. */
  schema_version?: number
  /** The person who watches, where several share an account. */
  profile_id?: string | null
  /** The service, where several share one installation. */
  tenant_id?: string | null
  /** Id of the session; all events of a session have the same. */
  session_id?: string | null
  /** Kind of device, in the vocabulary of the sender. Watches on a `tv`, `phone`, `tablet`, `web` or
   * `console` are counted per kind. */
  device?: string | null
  /** Country in which the viewer is: ISO 3166-1 alpha-2, upper case. */
  country?: string | null
  /** The part of the interface, in the vocabulary of the sender: `home`, `genre:Drama`, `search`. */
  surface: string
  /** Duration in seconds. */
  dwell_s: number
}

/** A business rule. */
export interface BusinessRule {
  /** Id of the rule; the record's key. */
  rule_id: string
  /** Effect of the rule. */
  kind: RuleKind
  /** Titles that it matches. A pin has exactly one. */
  titles?: string[]
  /** The rule also matches titles with at least one of the tags of every kind given here. */
  tags?: Tags
  /** For a boost (above 1) and a bury (below 1): factor on the odds of a title against the others. */
  factor?: number | null
  /** For a pin: the row. */
  row?: PinRow | null
  /** For a pin: position in the row, from 0. If several rules pin one position, the lowest id wins. */
  slot?: number | null
  /** Viewers in these countries; empty: all. */
  countries?: string[]
  /** Only profiles with an age limit of at most this many years. Absent: all. */
  maturity_at_most?: number | null
  /** Start (UTC, ms since 1970); absent: no start. */
  starts_at_ms?: number | null
  /** End, exclusive (UTC, ms since 1970); absent: no end. */
  ends_at_ms?: number | null
  /** Comment for other operators. */
  note?: string | null
  /** Version of the contract; absent means 1. */
  schema_version?: number
}

/** A genre or mood of the catalog that the viewer can open. */
export interface Category {
  /** The tag, as ``kind:value`` in the vocabulary of the catalog. */
  tag: string
  /** Its name in the language of the page. */
  title: string
  /** Expected share of the viewer's watches that have the tag, from 0 to 1, rounded to hundredths. */
  score: number
}

/** The titles that a cohort finishes most often, by the lower confidence bound of the share. */
export interface CohortDemand {
  type: 'cohort'
  /** ``cohort|`` and the genre; the record's key. */
  key: string
  /** The genre that the cohort watches most. */
  cohort: string
  /** Time of the newest event that is counted (UTC, ms since 1970). */
  at_ms: number
  /** Best first. */
  titles: ServedTitle[]
  /** Version of the contract; absent means 1. */
  schema_version?: number
}

/** A page for a viewer without a page of their own. */
export interface ColdHome {
  /** The viewer; the record's key. */
  viewer_id: string
  /** Id of the page, derived from `source` and `seq`. Players copy it into impressions and plays. */
  list_id: string
  /** Increases with every page of the viewer. A consumer ignores a page without a higher `seq` than the
   * last. */
  seq: number
  /** Event time as of which the page was computed (UTC, ms since 1970). */
  generated_at_ms: number
  /** The page should not be shown from this time on (UTC, ms since 1970). */
  expires_at_ms: number
  /** Version of the model and fingerprint of its configuration, as `name@fingerprint`. */
  model_version: string
  /** Language of the headings as a BCP 47 tag; absent: English. */
  language?: string | null
  /** Country of the viewer for which availability was checked; absent: unknown. */
  country?: string | null
  /** Age limit of the profile; no title on the page has a higher maturity. Absent: no limit. */
  maturity?: number | null
  /** Experiments that changed the page, each with the viewer's arm and its probability; absent: none. */
  arms?: ListArm[]
  /** The event that caused the page. */
  source: Source
  /** The rows, top to bottom. */
  rows: Row[]
  /** Genres and moods with titles that the viewer may see and has not watched, most watched first. Absent:
   * none. */
  categories?: Category[]
  /** Version of the contract; absent means 1. */
  schema_version?: number
  /** True: every cold-start viewer gets the same page; the viewer's own replaces it after the first event. */
  cold_start: boolean
}

/** A point of a completion curve; between two points at least 20 viewers left. */
export interface CurvePoint {
  /** Minute of the title, from 0. */
  minute: number
  /** Viewers who reached it; 0, or at least 20. */
  viewers: number
}

/** A record that a stage could not process. */
export interface DeadLetter {
  /** Reason, from a closed set. */
  reason: Reason
  /** One sentence for people, without values of the record. */
  message: string
  /** The stage that rejected the record. */
  stage: string
  /** Position of the record. */
  source: Source
  /** Timestamp of the record (UTC, ms since 1970); absent if it has none within the valid range. */
  time_ms?: number | null
  /** Path of the invalid field; absent if the record as a whole is invalid. */
  field?: string | null
  /** The record's key, base64, at most 64 KiB; absent when it had none. */
  key?: string | null
  /** The record's value, base64, at most 64 KiB; absent when it had none. */
  value?: string | null
  /** Length of the whole value in bytes. */
  value_bytes?: number
  /** Version of the contract; absent means 1. */
  schema_version?: number
}

export type Event = Play | Progress | Pause | Stop | Skip | Search | Rate | Browse | Impression | Select | Preferences | MyList | Identify | History | Forget

/** Evidence for a roll-out. */
export interface Evidence {
  /** The metric that decided. */
  metric: Metric
  /** Relative lift of the winner over the control; with interleaving, the mean preference. */
  lift: number
  /** Lower bound of its confidence sequence. */
  low: number
  /** Its upper bound. */
  high: number
  /** Exposed viewers, all arms. */
  viewers: number
  /** Sequential p-value of the observed shares of the arms. */
  sample_ratio_p: number
  /** `rule`, or a note of the operator. */
  by: string
}

/** An experiment. */
export interface Experiment {
  /** Its name; the record's key. */
  experiment_id: string
  /** State of the experiment. */
  state: ExperimentState
  /** The first one is the control. */
  arms: Arm[]
  /** How arms are compared; absent: A/B test. */
  kind?: ExperimentKind
  /** Input of the assignment hash: another salt assigns viewers independently. Absent: the id. */
  salt?: string | null
  /** The hypothesis, in words. */
  about?: string | null
  /** Exposures from this time on count (UTC, ms since 1970); absent: all. */
  starts_at_ms?: number | null
  /** Exposures before this time count (UTC, ms since 1970); absent: no end. */
  ends_at_ms?: number | null
  /** The audience; absent: all viewers. */
  audience?: Audience | null
  /** Exclusion group: experiments of one group share no viewer. Absent: independent of all others. */
  group?: string | null
  /** First bucket of its part of the group, of 10,000. */
  group_from?: number
  /** End of its part of the group, exclusive. */
  group_to?: number
  /** Share of viewers in no arm and without roll-outs; all experiments hold out the same viewers. */
  holdout?: number
  /** The metric that decides. */
  metric?: Metric
  /** Metrics that a winner must not make worse. */
  guardrails?: Guardrail[]
  /** Seconds after the first exposure during which outcomes count. Default: 14 days. */
  window_s?: number
  /** Probability of a false winner over all looks at the results. */
  alpha?: number
  /** Conditions of an automatic roll-out; absent: none. */
  rule?: Rule | null
  /** The arm that was rolled out. */
  winner?: string | null
  /** Time of the roll-out or roll-back; event time if the rule decided (UTC, ms since 1970). */
  decided_at_ms?: number | null
  /** Evidence for the decision. */
  evidence?: Evidence | null
  /** Version of the contract; absent means 1. */
  schema_version?: number
}

/** Design of an experiment. */
export type ExperimentKind = 'ab' | 'interleave'

/** The result of an experiment so far. */
export interface ExperimentResult {
  /** The experiment; the record's key. */
  experiment_id: string
  /** Time of the newest event that is counted (UTC, ms since 1970). */
  at_ms: number
  /** Viewers exposed so far, all arms. */
  viewers: number
  /** The first one is the control. */
  arms: ArmResult[]
  /** Each other arm against the control, by each metric that has a value; none if the split is wrong. */
  lifts: Lift[]
  /** Sequential p-value of the split; below .001 the results are invalid. */
  sample_ratio_p: number
  /** The conclusion. */
  verdict: Verdict
  /** The conclusion in words. */
  because: string
  /** The best arm that may be rolled out. */
  winner?: string | null
  /** Preference between two interleaved rankers; absent for A/B tests. */
  preference?: Preference | null
  /** Impressions under another arm than the viewer's first; 0 unless something is wrong. */
  crossed?: number
  /** Version of the contract; absent means 1. */
  schema_version?: number
}

/** State of an experiment. */
export type ExperimentState = 'draft' | 'rolled_back' | 'rolled_out' | 'running' | 'stopped'

/** All experiments. */
export interface Experiments {
  /** In order of their ids. */
  experiments: Experiment[]
}

/** Demand for a combination of tags. Minutes decay with a half-life of 28 days. */
export interface FacetDemand {
  type: 'facets'
  /** The tags, and the country, separated by ``|``; the record's key. */
  key: string
  /** The tags as ``kind:tag``. */
  labels: string[]
  /** Time of the newest event that is counted (UTC, ms since 1970). */
  at_ms: number
  /** Decayed minutes watched; an upper bound. */
  watch_minutes: number
  /** Maximum error of `watch_minutes`. */
  error_minutes: number
  /** Share of all minutes. */
  watch_share: number
  /** Number of titles with all of these tags. */
  titles: number
  /** Share of all titles. */
  catalogue_share: number
  /** `watch_share` minus `catalogue_share`: above 0, demand exceeds supply. */
  excess: number
  /** Share of minutes in recent days over the share in recent weeks: above 1, demand rises. Absent: fewer
   * than two weeks are counted, too early to tell. */
  trend?: number | null
  /** Country; absent: all. Shares are of the minutes watched and the titles available there. */
  country?: string | null
  /** Version of the contract; absent means 1. */
  schema_version?: number
}

/** A request to forget the viewer: state and page are deleted; later events start from nothing. */
export interface Forget {
  type: 'forget'
  /** Chosen by the producer, unique per event. An event with a repeated id is a duplicate and is not
   * counted again. May be sent in the CloudEvents header `ce_id` instead. */
  event_id: string
  /** Opaque id of the account; the record's key. */
  viewer_id: string
  /** When the event happened on the viewer's device (UTC, ms since 1970), not when it was sent or stored. */
  event_time_ms: number
  /** Version of the contract; absent means 1. */
  schema_version?: number
  /** The person who watches, where several share an account. */
  profile_id?: string | null
  /** The service, where several share one installation. */
  tenant_id?: string | null
  /** Id of the session; all events of a session have the same. */
  session_id?: string | null
  /** Kind of device, in the vocabulary of the sender. Watches on a `tv`, `phone`, `tablet`, `web` or
   * `console` are counted per kind. */
  device?: string | null
  /** Country in which the viewer is: ISO 3166-1 alpha-2, upper case. */
  country?: string | null
}

/** A title among the viewers of one country or cohort. */
export interface GroupInsight {
  /** The country (ISO 3166-1 alpha-2), or the genre that the cohort watches most. */
  name: string
  /** Viewers who watched some of it. */
  viewers: number
  /** Playbacks that ended. */
  starts: number
  /** Minutes watched. */
  watch_minutes: number
  /** Lower bound of the viewers who reached the credits; absent: too few to publish. */
  finished?: number | null
  /** Upper bound of the starts that belong to another group, counted before this group was tracked. */
  error_starts?: number
}

/** A metric that a winner must not make worse. */
export interface Guardrail {
  /** The metric. */
  metric: Metric
  /** Tolerated relative deterioration: .02 means two per cent. The bound of the confidence sequence must
   * be within it. */
  worst?: number
}

/** An imported history: what the viewer watched before, anonymously or at another service. */
export interface History {
  type: 'history'
  /** Chosen by the producer, unique per event. An event with a repeated id is a duplicate and is not
   * counted again. May be sent in the CloudEvents header `ce_id` instead. */
  event_id: string
  /** Opaque id of the account; the record's key. */
  viewer_id: string
  /** When the event happened on the viewer's device (UTC, ms since 1970), not when it was sent or stored. */
  event_time_ms: number
  /** Version of the contract; absent means 1. */
  schema_version?: number
  /** The person who watches, where several share an account. */
  profile_id?: string | null
  /** The service, where several share one installation. */
  tenant_id?: string | null
  /** Id of the session; all events of a session have the same. */
  session_id?: string | null
  /** Kind of device, in the vocabulary of the sender. Watches on a `tv`, `phone`, `tablet`, `web` or
   * `console` are counted per kind. */
  device?: string | null
  /** Country in which the viewer is: ISO 3166-1 alpha-2, upper case. */
  country?: string | null
  /** Titles that the viewer watched and liked, oldest first. */
  liked?: string[]
  /** Titles that the viewer rejected. */
  rejected?: string[]
}

/** A viewer's home page. The newest record of a viewer is the complete page; a tombstone means forget. */
export interface Home {
  /** The viewer; the record's key. */
  viewer_id: string
  /** Id of the page, derived from `source` and `seq`. Players copy it into impressions and plays. */
  list_id: string
  /** Increases with every page of the viewer. A consumer ignores a page without a higher `seq` than the
   * last. */
  seq: number
  /** Event time as of which the page was computed (UTC, ms since 1970). */
  generated_at_ms: number
  /** The page should not be shown from this time on (UTC, ms since 1970). */
  expires_at_ms: number
  /** Version of the model and fingerprint of its configuration, as `name@fingerprint`. */
  model_version: string
  /** Language of the headings as a BCP 47 tag; absent: English. */
  language?: string | null
  /** Country of the viewer for which availability was checked; absent: unknown. */
  country?: string | null
  /** Age limit of the profile; no title on the page has a higher maturity. Absent: no limit. */
  maturity?: number | null
  /** Experiments that changed the page, each with the viewer's arm and its probability; absent: none. */
  arms?: ListArm[]
  /** The event that caused the page. */
  source: Source
  /** The rows, top to bottom. */
  rows: Row[]
  /** Genres and moods with titles that the viewer may see and has not watched, most watched first. Absent:
   * none. */
  categories?: Category[]
  /** Version of the contract; absent means 1. */
  schema_version?: number
}

/** An anonymous viewer signed in. The player sends it with the anonymous viewer id as the key. */
export interface Identify {
  type: 'identify'
  /** Chosen by the producer, unique per event. An event with a repeated id is a duplicate and is not
   * counted again. May be sent in the CloudEvents header `ce_id` instead. */
  event_id: string
  /** Opaque id of the account; the record's key. */
  viewer_id: string
  /** When the event happened on the viewer's device (UTC, ms since 1970), not when it was sent or stored. */
  event_time_ms: number
  /** Version of the contract; absent means 1. */
  schema_version?: number
  /** The person who watches, where several share an account. */
  profile_id?: string | null
  /** The service, where several share one installation. */
  tenant_id?: string | null
  /** Id of the session; all events of a session have the same. */
  session_id?: string | null
  /** Kind of device, in the vocabulary of the sender. Watches on a `tv`, `phone`, `tablet`, `web` or
   * `console` are counted per kind. */
  device?: string | null
  /** Country in which the viewer is: ISO 3166-1 alpha-2, upper case. */
  country?: string | null
  /** Viewer id of the account; nothing happens if it equals `viewer_id`. */
  known_as: string
}

/** A recommended title was visible to the viewer. */
export interface Impression {
  type: 'impression'
  /** Chosen by the producer, unique per event. An event with a repeated id is a duplicate and is not
   * counted again. May be sent in the CloudEvents header `ce_id` instead. */
  event_id: string
  /** Opaque id of the account; the record's key. */
  viewer_id: string
  /** When the event happened on the viewer's device (UTC, ms since 1970), not when it was sent or stored. */
  event_time_ms: number
  /** Version of the contract; absent means 1. */
  schema_version?: number
  /** The person who watches, where several share an account. */
  profile_id?: string | null
  /** The service, where several share one installation. */
  tenant_id?: string | null
  /** Id of the session; all events of a session have the same. */
  session_id?: string | null
  /** Kind of device, in the vocabulary of the sender. Watches on a `tv`, `phone`, `tablet`, `web` or
   * `console` are counted per kind. */
  device?: string | null
  /** Country in which the viewer is: ISO 3166-1 alpha-2, upper case. */
  country?: string | null
  /** The list that was shown. */
  list_id: string
  /** Row of that list, from 0. */
  row: number
  /** Position in that row, from 0. */
  slot: number
  /** The title that was shown. */
  title_id: string
  /** Id of the artwork variant that was shown. */
  artwork?: string | null
  /** Kind of the row, copied from the page; used to learn from which kinds of rows viewers watch. */
  row_kind?: RowKind | null
  /** Experiment arm under which it was shown, as ``experiment_id/arm``; absent: the viewer's assigned arm. */
  arm?: string | null
  /** Probability with which the title was chosen for this position, copied from an item that names no
   * `artwork`; absent: 1. */
  propensity?: number | null
  /** Probability with which the artwork was chosen, copied from an item that names an `artwork`. */
  artwork_propensity?: number | null
}

/** Media type of the response. */
export type InsightFormat = 'json' | 'csv'

/** One title on a list. */
export interface Item {
  /** The title. */
  title_id: string
  /** Predicted fit for the viewer, higher is better; comparable within one page only. Each kind of row
   * orders its items by its own criterion: recency, diversity, trend. */
  score: number
  /** What the reason refers to: with `co_watch` the id of a title that the viewer liked, with `taste` a
   * tag that the viewer prefers, as ``kind:value``. Absent: nothing in particular, or what the row refers
   * to. */
  because?: string | null
  /** Of titles to continue: share watched, from 0 to 1. Absent: unknown, as the catalog has no duration. */
  progress?: number | null
  /** Of titles to continue: seconds that are left; absent as `progress`. */
  left_s?: number | null
  /** Reason for the recommendation; absent: the reason of the row. */
  reason?: ItemReason | null
  /** Id of the artwork variant to show; absent: the title's first. */
  artwork?: string | null
  /** Id of the trailer to show; absent: the title's first. */
  trailer?: string | null
  /** In a row that interleaves two arms: the arm that picked the title, as ``experiment_id/arm``. Players
   * copy it into impressions. */
  arm?: string | null
  /** Probability with which the title was chosen for this position; if the item names an `artwork`, the
   * probability with which the artwork was chosen. Absent: 1. */
  propensity?: number | null
}

/** Reason why a title is on a list; a closed set. */
export type ItemReason = 'again' | 'co_watch' | 'cohort' | 'country' | 'explore' | 'featured' | 'new' | 'popular' | 'resume' | 'taste' | 'trending'

/** Comparison of an arm with the control by one metric. The bounds hold over all looks together. */
export interface Lift {
  /** The metric. */
  metric: Metric
  /** The arm. */
  arm: string
  /** Relative difference. */
  relative: number
  /** Lower bound of its confidence sequence. */
  low: number
  /** Upper bound. */
  high: number
  /** Share of the variance that is left after adjusting for earlier behaviour. */
  variance_left?: number
}

/** Change of the viewer's own list. */
export type ListAction = 'add' | 'remove'

/** The arm under which a list was computed. */
export interface ListArm {
  /** The experiment. */
  experiment_id: string
  /** The viewer's arm, or the winner that was rolled out; `interleaved` if both arms are in one list. */
  arm: string
  /** Probability of this arm for this viewer; absent: 1, no random assignment. */
  propensity?: number
}

/** A title and its score. */
export interface Match {
  /** The title. */
  title_id: string
  /** Higher is better; comparable within one list only. */
  score: number
}

/** Metric by which arms are compared, counted for `window_s` seconds from a viewer's first exposure. */
export type Metric = 'abandonment' | 'click_through' | 'completion' | 'list_diversity' | 'quality_watches' | 'watch_minutes'

/** A metric of one arm. */
export interface MetricValue {
  /** The metric. */
  metric: Metric
  /** Observed value. */
  value: number
  /** Value adjusted for the viewers' behaviour before the experiment. */
  adjusted: number
  /** Lower bound of the confidence sequence around `adjusted`; absent in results of earlier versions. */
  low?: number | null
  /** Upper bound. */
  high?: number | null
}

/** A title was added to, or removed from, the viewer's own list. */
export interface MyList {
  type: 'my_list'
  /** Chosen by the producer, unique per event. An event with a repeated id is a duplicate and is not
   * counted again. May be sent in the CloudEvents header `ce_id` instead. */
  event_id: string
  /** Opaque id of the account; the record's key. */
  viewer_id: string
  /** When the event happened on the viewer's device (UTC, ms since 1970), not when it was sent or stored. */
  event_time_ms: number
  /** Version of the contract; absent means 1. */
  schema_version?: number
  /** The person who watches, where several share an account. */
  profile_id?: string | null
  /** The service, where several share one installation. */
  tenant_id?: string | null
  /** Id of the session; all events of a session have the same. */
  session_id?: string | null
  /** Kind of device, in the vocabulary of the sender. Watches on a `tv`, `phone`, `tablet`, `web` or
   * `console` are counted per kind. */
  device?: string | null
  /** Country in which the viewer is: ISO 3166-1 alpha-2, upper case. */
  country?: string | null
  /** The title. */
  title_id: string
  /** Added or removed. */
  action: ListAction
}

/** Order of combinations. */
export type Order = 'excess' | 'surplus' | 'minutes' | 'rising' | 'falling'

/** Playback was paused. */
export interface Pause {
  type: 'pause'
  /** Chosen by the producer, unique per event. An event with a repeated id is a duplicate and is not
   * counted again. May be sent in the CloudEvents header `ce_id` instead. */
  event_id: string
  /** Opaque id of the account; the record's key. */
  viewer_id: string
  /** When the event happened on the viewer's device (UTC, ms since 1970), not when it was sent or stored. */
  event_time_ms: number
  /** Version of the contract; absent means 1. */
  schema_version?: number
  /** The person who watches, where several share an account. */
  profile_id?: string | null
  /** The service, where several share one installation. */
  tenant_id?: string | null
  /** Id of the session; all events of a session have the same. */
  session_id?: string | null
  /** Kind of device, in the vocabulary of the sender. Watches on a `tv`, `phone`, `tablet`, `web` or
   * `console` are counted per kind. */
  device?: string | null
  /** Country in which the viewer is: ISO 3166-1 alpha-2, upper case. */
  country?: string | null
  /** The title that was playing. */
  title_id: string
  /** Position of the pause, in seconds from the start of the title. */
  position_s: number
}

/** Row in which a title can be pinned. */
export type PinRow = 'featured' | 'top_picks'

/** Playback of a title began. */
export interface Play {
  type: 'play'
  /** Chosen by the producer, unique per event. An event with a repeated id is a duplicate and is not
   * counted again. May be sent in the CloudEvents header `ce_id` instead. */
  event_id: string
  /** Opaque id of the account; the record's key. */
  viewer_id: string
  /** When the event happened on the viewer's device (UTC, ms since 1970), not when it was sent or stored. */
  event_time_ms: number
  /** Version of the contract; absent means 1. */
  schema_version?: number
  /** The person who watches, where several share an account. */
  profile_id?: string | null
  /** The service, where several share one installation. */
  tenant_id?: string | null
  /** Id of the session; all events of a session have the same. */
  session_id?: string | null
  /** Kind of device, in the vocabulary of the sender. Watches on a `tv`, `phone`, `tablet`, `web` or
   * `console` are counted per kind. */
  device?: string | null
  /** Country in which the viewer is: ISO 3166-1 alpha-2, upper case. */
  country?: string | null
  /** The title that plays. */
  title_id: string
  /** Position at which playback began, in seconds from the start of the title; above 0 when resumed. */
  position_s?: number
  /** Length of the title in seconds, if the player knows it. */
  duration_s?: number | null
  /** True when playback started without a choice by the viewer: the next episode, or a preview. */
  autoplay?: boolean
  /** The list from which the title was chosen. */
  list_id?: string | null
  /** Row of that list, from 0. */
  row?: number | null
  /** Position in that row, from 0. */
  slot?: number | null
}

/** Preference between two interleaved rankers. The bounds hold over all looks together. */
export interface Preference {
  /** The ranker that is compared with the control. */
  arm: string
  /** Viewers who watched a title that only one of the two had picked. */
  viewers: number
  /** Their mean preference: 1 for `arm` alone, -1 for the control alone. */
  mean: number
  /** Lower bound of its confidence sequence; absent below two viewers. */
  low?: number | null
  /** Upper bound. */
  high?: number | null
}

/** Stated preferences, from onboarding or the settings; they replace all earlier ones. */
export interface Preferences {
  type: 'preferences'
  /** Chosen by the producer, unique per event. An event with a repeated id is a duplicate and is not
   * counted again. May be sent in the CloudEvents header `ce_id` instead. */
  event_id: string
  /** Opaque id of the account; the record's key. */
  viewer_id: string
  /** When the event happened on the viewer's device (UTC, ms since 1970), not when it was sent or stored. */
  event_time_ms: number
  /** Version of the contract; absent means 1. */
  schema_version?: number
  /** The person who watches, where several share an account. */
  profile_id?: string | null
  /** The service, where several share one installation. */
  tenant_id?: string | null
  /** Id of the session; all events of a session have the same. */
  session_id?: string | null
  /** Kind of device, in the vocabulary of the sender. Watches on a `tv`, `phone`, `tablet`, `web` or
   * `console` are counted per kind. */
  device?: string | null
  /** Country in which the viewer is: ISO 3166-1 alpha-2, upper case. */
  country?: string | null
  /** Genres that the viewer likes, in the vocabulary of the catalog. Case, hyphens, plurals and customary
   * other words do not matter ("Sci-Fi" is "Science Fiction"); a genre that no title has does nothing. */
  genres?: string[]
  /** Languages that the viewer understands, as BCP 47 tags such as `de` or `pt-BR`. */
  languages?: string[]
  /** Titles that the viewer marked as favourites. */
  liked_titles?: string[]
  /** Age limit of the profile in years: titles with a higher maturity are not shown. Absent: no limit. */
  maturity?: number | null
}

/** What went wrong (RFC 9457). */
export interface Problem {
  type: 'urn:nearline:problem:invalid' | 'urn:nearline:problem:invalid-event' | 'urn:nearline:problem:unauthorized' | 'urn:nearline:problem:forbidden' | 'urn:nearline:problem:not-found' | 'urn:nearline:problem:method-not-allowed' | 'urn:nearline:problem:request-timeout' | 'urn:nearline:problem:too-large' | 'urn:nearline:problem:unsupported-media-type' | 'urn:nearline:problem:misdirected' | 'urn:nearline:problem:too-many-requests' | 'urn:nearline:problem:internal' | 'urn:nearline:problem:unavailable'
  title: string
  status: number
  /** What was wrong and what to do; free of values. */
  detail: string
  /** Of an event: why, out of the closed set. */
  reason?: string
  /** The offending field. */
  field?: unknown
}

/** Heartbeat of a running playback, every 10 to 60 seconds. */
export interface Progress {
  type: 'progress'
  /** Chosen by the producer, unique per event. An event with a repeated id is a duplicate and is not
   * counted again. May be sent in the CloudEvents header `ce_id` instead. */
  event_id: string
  /** Opaque id of the account; the record's key. */
  viewer_id: string
  /** When the event happened on the viewer's device (UTC, ms since 1970), not when it was sent or stored. */
  event_time_ms: number
  /** Version of the contract; absent means 1. */
  schema_version?: number
  /** The person who watches, where several share an account. */
  profile_id?: string | null
  /** The service, where several share one installation. */
  tenant_id?: string | null
  /** Id of the session; all events of a session have the same. */
  session_id?: string | null
  /** Kind of device, in the vocabulary of the sender. Watches on a `tv`, `phone`, `tablet`, `web` or
   * `console` are counted per kind. */
  device?: string | null
  /** Country in which the viewer is: ISO 3166-1 alpha-2, upper case. */
  country?: string | null
  /** The title that plays. */
  title_id: string
  /** Seconds watched in this playback so far; a total, not an increment. Skipped parts do not count. */
  watched_s: number
  /** Position of the player, in seconds from the start of the title. */
  position_s: number
  /** Length of the title in seconds, if the player knows it. */
  duration_s?: number | null
}

/** The ranker of an arm: the blend, or one expert alone. */
export type Ranking = 'blend' | 'cowatch' | 'cowatch_long' | 'factorization' | 'popularity' | 'trending'

/** A rating: exactly one of a thumb or stars. */
export interface Rate {
  type: 'rate'
  /** Chosen by the producer, unique per event. An event with a repeated id is a duplicate and is not
   * counted again. May be sent in the CloudEvents header `ce_id` instead. */
  event_id: string
  /** Opaque id of the account; the record's key. */
  viewer_id: string
  /** When the event happened on the viewer's device (UTC, ms since 1970), not when it was sent or stored. */
  event_time_ms: number
  /** Version of the contract; absent means 1. */
  schema_version?: number
  /** The person who watches, where several share an account. */
  profile_id?: string | null
  /** The service, where several share one installation. */
  tenant_id?: string | null
  /** Id of the session; all events of a session have the same. */
  session_id?: string | null
  /** Kind of device, in the vocabulary of the sender. Watches on a `tv`, `phone`, `tablet`, `web` or
   * `console` are counted per kind. */
  device?: string | null
  /** Country in which the viewer is: ISO 3166-1 alpha-2, upper case. */
  country?: string | null
  /** The title that was rated. */
  title_id: string
  /** Up, down, or twice up. */
  thumb?: Thumb | null
  /** 0.5 (worst) to 5 (best). */
  stars?: number | null
}

/** Reason why a record is in the dead-letter topic; a closed set. */
export type Reason = 'empty' | 'key_mismatch' | 'key_missing' | 'malformed' | 'missing_field' | 'not_utf8' | 'out_of_range' | 'partition_mismatch' | 'schema_version' | 'step_failed' | 'tombstone' | 'too_large' | 'unknown_title' | 'unknown_type' | 'wrong_type'

/** One row of a page. */
export interface Row {
  /** Kind of the row. */
  kind: RowKind
  /** Heading in the language of the page. */
  title?: string | null
  /** The title that the row refers to (`because_you_watched`, `because_you_liked`). */
  title_id?: string | null
  /** Tags that all of its titles have, as ``kind:value`` in the vocabulary of the catalog (`genre`). */
  tags?: string[]
  /** Reason of the items that have none of their own. */
  reason?: ItemReason | null
  /** The titles, best first. */
  items: Item[]
}

/** Kind of a row of a page; a closed set. */
export type RowKind = 'because_you_liked' | 'because_you_watched' | 'continue_watching' | 'explore' | 'featured' | 'genre' | 'hidden_gems' | 'my_list' | 'new_releases' | 'people_like_you' | 'top_picks' | 'trending_in_country' | 'trending_now' | 'watch_again'

/** Conditions under which a winner is rolled out. */
export interface Rule {
  /** The lower bound of the relative lift must be above it. */
  min_lift?: number
  /** Minimum days since the start. */
  min_days?: number
  /** Minimum exposed viewers in every arm. */
  min_viewers?: number
  /** True: the winner becomes the default. False: the results only name it. */
  automatic?: boolean
}

/** Effect of a rule on the titles that it matches. */
export type RuleKind = 'boost' | 'bury' | 'exclude' | 'pin'

/** The viewer searched. */
export interface Search {
  type: 'search'
  /** Chosen by the producer, unique per event. An event with a repeated id is a duplicate and is not
   * counted again. May be sent in the CloudEvents header `ce_id` instead. */
  event_id: string
  /** Opaque id of the account; the record's key. */
  viewer_id: string
  /** When the event happened on the viewer's device (UTC, ms since 1970), not when it was sent or stored. */
  event_time_ms: number
  /** Version of the contract; absent means 1. */
  schema_version?: number
  /** The person who watches, where several share an account. */
  profile_id?: string | null
  /** The service, where several share one installation. */
  tenant_id?: string | null
  /** Id of the session; all events of a session have the same. */
  session_id?: string | null
  /** Kind of device, in the vocabulary of the sender. Watches on a `tv`, `phone`, `tablet`, `web` or
   * `console` are counted per kind. */
  device?: string | null
  /** Country in which the viewer is: ISO 3166-1 alpha-2, upper case. */
  country?: string | null
  /** The text that was typed; 1 to 256 characters. */
  query: string
  /** Number of titles found. */
  result_count: number
  /** The title that was opened from the results, if any. */
  clicked_title_id?: string | null
}

/** A search query, and how often it had no result. */
export interface SearchDemand {
  type: 'search'
  /** ``search|`` and the query; the record's key. */
  key: string
  /** A query of at least 20 viewers, in lower case. */
  query: string
  /** Time of the newest event that is counted (UTC, ms since 1970). */
  at_ms: number
  /** Number of searches. */
  searches: number
  /** Upper bound of the searches that belong to another query. */
  error_searches?: number
  /** Searches without a result; absent: by fewer than 20 viewers, or by all but fewer than 20. */
  without_result?: number | null
  /** Searches followed by a watch within half an hour; absent: by fewer than 20 viewers. */
  watches?: number | null
  /** Version of the contract; absent means 1. */
  schema_version?: number
}

/** Results of a search. */
export interface SearchResults {
  /** The query. */
  query: string
  /** Titles that match, best first. */
  items: Match[]
  /** If nothing matches: results of the corrected query, then titles that the viewer may like. */
  suggestions: string[]
  /** The query without typing errors; absent if it has none, or if the corrected query finds nothing
   * either. */
  did_you_mean?: string | null
}

/** The viewer opened a title's page. */
export interface Select {
  type: 'select'
  /** Chosen by the producer, unique per event. An event with a repeated id is a duplicate and is not
   * counted again. May be sent in the CloudEvents header `ce_id` instead. */
  event_id: string
  /** Opaque id of the account; the record's key. */
  viewer_id: string
  /** When the event happened on the viewer's device (UTC, ms since 1970), not when it was sent or stored. */
  event_time_ms: number
  /** Version of the contract; absent means 1. */
  schema_version?: number
  /** The person who watches, where several share an account. */
  profile_id?: string | null
  /** The service, where several share one installation. */
  tenant_id?: string | null
  /** Id of the session; all events of a session have the same. */
  session_id?: string | null
  /** Kind of device, in the vocabulary of the sender. Watches on a `tv`, `phone`, `tablet`, `web` or
   * `console` are counted per kind. */
  device?: string | null
  /** Country in which the viewer is: ISO 3166-1 alpha-2, upper case. */
  country?: string | null
  /** The title that was opened. */
  title_id: string
  /** The list on which it was shown. */
  list_id?: string | null
  /** Row of that list, from 0. */
  row?: number | null
  /** Position in that row, from 0. */
  slot?: number | null
  /** Id of the artwork variant that was clicked. */
  artwork?: string | null
}

/** A title, and how it is watched by a cohort. */
export interface ServedTitle {
  /** The title. */
  title_id: string
  /** Viewers of the cohort who watched some of it. */
  viewers: number
  /** Lower bound of those who reached the credits. */
  finished: number
  /** Upper bound of the decayed minutes watched by the cohort. */
  watch_minutes: number
  /** Maximum error of `watch_minutes`. */
  error_minutes: number
}

/** Titles that are watched by the viewers of one title. */
export interface Similar {
  /** The title that was asked for. */
  title_id: string
  /** The others, most similar first. */
  items: Match[]
}

/** A title was rejected: a preview swiped away, an autoplay cancelled, "not interested". */
export interface Skip {
  type: 'skip'
  /** Chosen by the producer, unique per event. An event with a repeated id is a duplicate and is not
   * counted again. May be sent in the CloudEvents header `ce_id` instead. */
  event_id: string
  /** Opaque id of the account; the record's key. */
  viewer_id: string
  /** When the event happened on the viewer's device (UTC, ms since 1970), not when it was sent or stored. */
  event_time_ms: number
  /** Version of the contract; absent means 1. */
  schema_version?: number
  /** The person who watches, where several share an account. */
  profile_id?: string | null
  /** The service, where several share one installation. */
  tenant_id?: string | null
  /** Id of the session; all events of a session have the same. */
  session_id?: string | null
  /** Kind of device, in the vocabulary of the sender. Watches on a `tv`, `phone`, `tablet`, `web` or
   * `console` are counted per kind. */
  device?: string | null
  /** Country in which the viewer is: ISO 3166-1 alpha-2, upper case. */
  country?: string | null
  /** The title that was rejected. */
  title_id: string
  /** Position of the player, in seconds; 0 when playback had not begun. */
  position_s?: number
  /** The list on which it was shown. */
  list_id?: string | null
  /** Row of that list, from 0. */
  row?: number | null
  /** Position in that row, from 0. */
  slot?: number | null
}

/** The position of the record that caused a message. */
export interface Source {
  /** Kafka topic. */
  topic: string
  /** Partition of that topic. */
  partition: number
  /** Offset in that partition. */
  offset: number
}

/** The step of the curve with the most departures per minute. */
export interface Steepest {
  /** Begin of the step. */
  minute: number
  /** End of the step; the next minute if at least 20 viewers left within one. */
  until: number
  /** Viewers who left there. */
  viewers: number
}

/** Playback ended. */
export interface Stop {
  type: 'stop'
  /** Chosen by the producer, unique per event. An event with a repeated id is a duplicate and is not
   * counted again. May be sent in the CloudEvents header `ce_id` instead. */
  event_id: string
  /** Opaque id of the account; the record's key. */
  viewer_id: string
  /** When the event happened on the viewer's device (UTC, ms since 1970), not when it was sent or stored. */
  event_time_ms: number
  /** Version of the contract; absent means 1. */
  schema_version?: number
  /** The person who watches, where several share an account. */
  profile_id?: string | null
  /** The service, where several share one installation. */
  tenant_id?: string | null
  /** Id of the session; all events of a session have the same. */
  session_id?: string | null
  /** Kind of device, in the vocabulary of the sender. Watches on a `tv`, `phone`, `tablet`, `web` or
   * `console` are counted per kind. */
  device?: string | null
  /** Country in which the viewer is: ISO 3166-1 alpha-2, upper case. */
  country?: string | null
  /** The title that was playing. */
  title_id: string
  /** Seconds watched in this playback; a total. */
  watched_s: number
  /** Position at the end, in seconds from the start of the title. */
  position_s: number
  /** Length of the title in seconds, if the player knows it. */
  duration_s?: number | null
  /** Why it ended. */
  cause?: StopCause
  /** True when the playback had started without a choice by the viewer. */
  autoplay?: boolean
}

/** Why a playback ended. */
export type StopCause = 'ended' | 'error' | 'exited' | 'next' | 'timeout' | 'unknown'

/** Tags of a title by kind, in the vocabulary of the catalog; compared exactly. */
export interface Tags {
  /** For example `Drama`. */
  genre?: string[]
  /** For example `dark`, `feel-good`. */
  mood?: string[]
  /** For example `slow`, `fast`. */
  pace?: string[]
  /** Ids or names of the actors. */
  cast?: string[]
  /** Ids or names of the directors and creators. */
  director?: string[]
  /** Original language, as a BCP 47 tag. */
  language?: string[]
  /** For example `heist`, `coming of age`. */
  theme?: string[]
}

/** A rating in one tap. */
export type Thumb = 'double_up' | 'down' | 'up'

/** A title of the catalog. The newest record of a title id is complete; a tombstone withdraws the title. */
export interface Title {
  /** Opaque id; the record's key. */
  title_id: string
  /** Film, series or episode. */
  kind?: TitleKind
  /** Name for people; shown on pages, not used by the models. */
  name?: string | null
  /** Title id of the series to which an episode belongs. */
  series_id?: string | null
  /** Number of an episode's season; absent where a series has none. */
  season?: number | null
  /** Number of an episode in its season. An episode is recommended to those who know the one before it,
   * and after a finished one it is on continue watching. Leave it out where episodes stand alone, as those
   * of news do; absent: no order is known. */
  episode?: number | null
  /** Length in seconds; absent for a series, or if unknown. */
  duration_s?: number | null
  /** First release anywhere (UTC, ms since 1970; negative before 1970); absent if unknown. */
  release_ms?: number | null
  /** Minimum age of the audience in years; 0: all ages. */
  maturity?: number
  /** Genres, moods, cast and so on. */
  tags?: Tags
  /** Languages of the sound tracks, as BCP 47 tags. */
  languages?: string[]
  /** Languages of the subtitles, as BCP 47 tags. */
  subtitles?: string[]
  /** When and where the title may be shown. */
  availability?: Availability
  /** Artwork variants to choose from; the first is the default. */
  artwork?: Artwork[]
  /** Trailers to choose from; the first is the default. */
  trailers?: Trailer[]
  /** Version of the contract; absent means 1. */
  schema_version?: number
}

/** How a title is watched, since it is tracked. */
export interface TitleInsight {
  /** The title; the record's key. */
  title_id: string
  /** Time of the newest event that is counted (UTC, ms since 1970). */
  at_ms: number
  /** Viewers who watched some of it; a viewer who returns after 64 other titles counts again. */
  viewers: number
  /** Playbacks that ended, without previews that started automatically. */
  starts: number
  /** Minutes watched. */
  watch_minutes: number
  /** Completion curve: remaining viewers by minute, in steps of at least 20 viewers. */
  curve: CurvePoint[]
  /** The step of the curve with the most departures per minute; absent: too few to publish. */
  steepest?: Steepest | null
  /** Lower bound of the viewers who reached the credits; absent: too few to publish. */
  finished?: number | null
  /** Watches by viewers who had finished it before; absent, like the next fields: fewer than 20 viewers. */
  rewatches?: number | null
  /** Number of rejections. */
  skips?: number | null
  /** Thumbs up, and ratings of four stars or more. */
  thumbs_up?: number | null
  /** Thumbs down, and ratings of two stars or less. */
  thumbs_down?: number | null
  /** Watches that began at a search result. */
  from_search?: number | null
  /** By country, most starts first. */
  countries?: GroupInsight[]
  /** By cohort: the genre that viewers watch most. */
  cohorts?: GroupInsight[]
  /** Version of the contract; absent means 1. */
  schema_version?: number
}

/** Kind of a title. */
export type TitleKind = 'episode' | 'film' | 'series'

/** Titles, most watched first. */
export interface TopTitles {
  /** The titles as published. */
  items: TitleInsight[]
}

/** One trailer of a title. */
export interface Trailer {
  /** Unique within the title. */
  id: string
  /** Address of the video. */
  uri: string
  /** Length in seconds. */
  duration_s?: number | null
  /** What the trailer shows, in the vocabulary of the title's tags. */
  tags?: string[]
}

/** The changes of an arm; absent fields keep the settings of the worker. */
export interface Treatment {
  /** One expert alone, or the blend. */
  ranking?: Ranking | null
  /** Factor on the learned weight of this expert in the blend: 0 removes it, 1 changes nothing. */
  factorization?: number | null
  /** The same for co-watch over a short history. */
  cowatch?: number | null
  /** The same for co-watch over a long history. */
  cowatch_long?: number | null
  /** The same for trending titles. */
  trending?: number | null
  /** The same for all-time popularity. */
  popularity?: number | null
  /** The same for the worker's external rankers (`NEARLINE_MODEL__GUESTS`). */
  guests?: number | null
  /** Titles in a row, at most as many as in the worker's settings. */
  list_length?: number | null
  /** Rows of the page, at most as many as in the worker's settings; 1: top picks alone. */
  rows?: number | null
  /** Kinds of rows that are placed first, in this order. */
  rows_first?: RowKind[] | null
  /** Kinds of rows that are not on the page. */
  rows_without?: RowKind[] | null
  /** How artwork is chosen. */
  artwork?: ArtworkPolicy | null
  /** Share of the viewers, drawn daily, whose page ends with an exploration row. */
  explore?: number | null
  /** Exponent of the length of a title, relative to the mean length, in its ranking odds: 1 ranks by
   * expected watch time. */
  watch_time?: number | null
  /** Exponent of how much its viewers liked the title, by share watched and ratings. */
  completion?: number | null
  /** Exponent of the share of the feedback on a title that was no rejection. */
  satisfaction?: number | null
  /** Weight of the viewer's own genre proportions in top picks, instead of the worker's setting
   * `page.calibration`: 0 for none. */
  calibration?: number | null
  /** Weight of genres that are new on the list in top picks, instead of the worker's setting
   * `page.variety`: 0 for none. */
  diversity?: number | null
}

/** The most watched titles of a scope. The newest record of a scope is the complete list. */
export interface Trending {
  /** `global`, `genre:…`, `country:…` or `device:…` (`tv`, `phone`, `tablet`, `web`, `console`); the key. */
  scope: string
  /** Event time up to which watches are counted (UTC, ms since 1970). */
  generated_at_ms: number
  /** Half-life of the decayed counts in seconds. */
  half_life_s: number
  /** The titles, most watched first. */
  items: TrendingItem[]
  /** Version of the model and fingerprint of its configuration, as `name@fingerprint`. */
  model_version?: string | null
  /** Version of the contract; absent means 1. */
  schema_version?: number
}

/** One title of a trending list. */
export interface TrendingItem {
  /** The title. */
  title_id: string
  /** Decayed count of watches; comparable within one list only. */
  score: number
}

/** Conclusion from the results. */
export type Verdict = 'collecting' | 'guardrail' | 'no_winner' | 'open' | 'sample_ratio' | 'winner'

/** Demand of all kinds. */
export interface Wanted {
  /** Combinations of tags, in the requested order. */
  facets: FacetDemand[]
  /** Queries, most searches without a result first. */
  searches: SearchDemand[]
  /** The best titles of each cohort. */
  cohorts: CohortDemand[]
}

/** The messages of each topic, by its name without a prefix. */
export interface Topics {
  /** Key: viewer id. Written by: producers. Partitioner: murmur2. */
  'viewing.events.v1': Play | Progress | Pause | Stop | Skip | Search | Rate | Browse | Impression | Select | Preferences | MyList | Identify | History | Forget
  /** Key: title id. Written by: catalog owner. Partitioner: murmur2. */
  'catalog.titles.v1': Title
  /** Key: viewer id. Written by: viewers stage. Partitioner: murmur2. */
  'recs.home.v1': Home
  /** Key: viewer id. Written by: viewers stage. Partitioner: murmur2. */
  'recs.alerts.v1': Alert
  /** Key: scope. Written by: titles stage. Partitioner: murmur2. */
  'trending.v1': Trending
  /** Key: title id. Written by: insights stage. Partitioner: murmur2. */
  'insights.titles.v1': TitleInsight
  /** Key: kind of demand and its subject. Written by: insights stage. Partitioner: murmur2. */
  'insights.demand.v1': FacetDemand | SearchDemand | CohortDemand
  /** Key: experiment id. Written by: experimenters, results stage. Partitioner: murmur2. */
  'experiments.v1': Experiment
  /** Key: experiment id. Written by: decisions stage. Partitioner: murmur2. */
  'experiments.results.v1': ExperimentResult
  /** Key: rule id. Written by: operators. Partitioner: murmur2. */
  'rules.v1': BusinessRule
  /** Key: key of the source record. Written by: any stage. Partitioner: murmur2. */
  'viewing.dead-letters.v1': DeadLetter
  /** Key: actor. Written by: operators. Partitioner: murmur2. */
  'audit.v1': AuditRecord
}

/** A client of one `nearline serve`; failed requests that may pass are repeated. */
export class Nearline {
  private readonly transport: Transport

  constructor(options: Options) {
    this.transport = new Transport(options)
  }

  /** Return a viewer's newest home page, byte for byte as it was published. A viewer without a page gets a
   * page with `cold_start`: what is trending in the `country` or on the type of `device`, under the guards
   * of `country` and `maturity`. A published page was made under the viewer's own guards. A title that was
   * withdrawn or excluded since stays on it until the viewer's next page, or until it expires. Of an
   * expired page the titles are returned that may be shown now, and `Nearline-Expired` says for how many
   * seconds it was past its end. */
  home(viewer_id: string, query: { country?: string | null; maturity?: number | null; device?: string | null } = {}): Promise<Home | ColdHome> {
    return this.transport.request('GET', `/v1/viewers/${encodeURIComponent(viewer_id)}/home`, query)
  }

  /** Find titles by words, also incomplete or mistyped; titles on the viewer's page get a small boost. The
   * limits of the viewer's own page apply, too: `maturity` can only make them stricter. */
  search(viewer_id: string, query: { q: string; limit?: number; country?: string | null; maturity?: number | null }): Promise<SearchResults> {
    return this.transport.request('GET', `/v1/viewers/${encodeURIComponent(viewer_id)}/search`, query)
  }

  /** Return the titles that viewers of one title watch, popularity taken out. */
  similar(title_id: string, query: { limit?: number; country?: string | null; maturity?: number | null; viewer?: string | null } = {}): Promise<Similar> {
    return this.transport.request('GET', `/v1/titles/${encodeURIComponent(title_id)}/similar`, query)
  }

  /** Return a title's record, byte for byte as it is in the catalog. */
  title(title_id: string): Promise<Title> {
    return this.transport.request('GET', `/v1/titles/${encodeURIComponent(title_id)}`, {})
  }

  /** Return the trending titles of a scope, under the guards of `country` and `maturity`. If all of its
   * titles may be shown, the list is returned byte for byte as it was published. */
  trending(query: { scope?: string; country?: string | null; maturity?: number | null } = {}): Promise<Trending> {
    return this.transport.request('GET', `/v1/trending`, query)
  }

  /** Stream a viewer's pages as server-sent events `home`: the newest at once, then each new one. An
   * event's id is its page's ETag; a client that reconnects with `Last-Event-ID` does not get that page
   * again. A client that reads slowly skips pages, never the newest. */
  live(viewer_id: string, signal?: AbortSignal): AsyncGenerator<Home> {
    return this.transport.stream(`/v1/stream/viewers/${encodeURIComponent(viewer_id)}`, signal)
  }

  /** Take one viewing event; the response is 202 once the brokers have it. Repeating is safe: an event
   * counts once per `event_id`, which may come as the header `ce-id` instead. To a `forget` the response
   * says whether the viewer was `known`, that is, had a page. */
  send(body: Event): Promise<Accepted> {
    return this.transport.request('POST', `/v1/events`, {}, body)
  }

  /** Return the current definition of every experiment, with its state and any winner. */
  experiments(query: { state?: ExperimentState | null } = {}): Promise<Experiments> {
    return this.transport.request('GET', `/v1/experiments`, query)
  }

  /** Return the results of an experiment so far: arms, lifts with always-valid bounds, the verdict. */
  experimentResults(experiment_id: string): Promise<ExperimentResult> {
    return this.transport.request('GET', `/v1/experiments/${encodeURIComponent(experiment_id)}/results`, {})
  }

  /** Return the insights of the titles with the most minutes watched. */
  topTitles(query: { limit?: number } = {}): Promise<TopTitles> {
    return this.transport.request('GET', `/v1/insights/titles`, query)
  }

  /** Return a title's insights, byte for byte as they were published. */
  titleInsight(title_id: string): Promise<TitleInsight> {
    return this.transport.request('GET', `/v1/insights/titles/${encodeURIComponent(title_id)}`, {})
  }

  /** Return the demand: combinations of tags, searches, and the best titles of each cohort. */
  demand(query: { order?: Order; country?: string | null; limit?: number } = {}): Promise<Wanted> {
    return this.transport.request('GET', `/v1/insights/demand`, query)
  }
}
