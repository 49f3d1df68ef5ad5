"""The rules by which questions are answered: the answers, and the English and Swahili words that point to them.

A word stands for itself; a word of four letters or more stands also for words that contain it (`tuma`: kutuma, ninatuma). Of two
rules with the same score the first one answers, so special rules come before common ones. Answers name menu numbers, which never
change.
"""

from dataclasses import dataclass

from core.i18n import _
from core.rail import Ability


@dataclass(frozen=True, slots=True)
class Rule:
    """`about`: words that say what the question is about; `beside`: words that only help to tell it from another question.

    Spaces separate the words. `{service_code}` in the answer is what people dial. Where the answer names what only a rail with
    the ability `needs` can do, `answer_without` stands for it where there is none.
    """

    about: str
    beside: str
    answer: str
    needs: Ability | None = None
    answer_without: str = ""


RULES = (
    Rule(
        "fraud scam cheat conned steal share tapeli laghai ameniuliza ananiuliza anauliza aliniuliza nimpe alinipigia",
        "pin code asked asks asking called caller tell told give safe somebody someone ameomba msimbo mtu",
        _(
            "Tell your PIN or a code to nobody: we never ask for them. If somebody may know your PIN, "
            "change it now: 9 My Account, 2 Change PIN."
        ),
    ),
    Rule(
        "stolen stole thief robbed lost simcard ibiwa ibia wizi mwizi potea poteza",
        "phone sim handset simu laini",
        _(
            "Have your network block the SIM at once and give you a new one. Your money stays in Jasho. "
            "Then choose 9 My Account, 2 Change PIN."
        ),
    ),
    Rule(
        "forgot forget remember recover reset sahau nimesahau sikumbuki kumbuka",
        "pin lost new mpya",
        _(
            "Choose 9 My Account, 7 Forgot PIN. You need your national ID number, and a code that we send by SMS. "
            "Money can leave again a day later."
        ),
    ),
    Rule(
        "lock blocked unlock imefungwa imejifunga fungua",
        "pin tries wrong makosa",
        _("Three wrong PINs lock it. Your money is safe. Choose 9 My Account, 7 Forgot PIN: a new PIN opens it again."),
    ),
    Rule(
        "mistake mistaken wrong wrongly error undo reverse reversal refund kimakosa makosa rudisha rejesha kosea",
        "number sent send another person payment money tuma pesa nambari namba nyingine isiyo sahihi",
        _(
            "What you confirmed is final: ask the receiver to send it back. "
            "If that number is not on Jasho, the money comes back after 7 days."
        ),
    ),
    Rule(
        "unregistered register jasho join member jiandikisha sajili jiunga jiunge mwanachama",
        "without not send account another somebody bila hana hayuko akaunti",
        _(
            "Send to any number: who is not on Jasho gets an SMS, and dials {service_code} to join. "
            "What is not fetched in 7 days comes back."
        ),
    ),
    Rule(
        "close closing delete quit funga futa",
        "account leave akaunti acha end",
        _("Choose 9 My Account, 6 Close account. Take your money out first. You can join again whenever you like."),
    ),
    Rule(
        "language english swahili kiswahili kiingereza lugha",
        "change badilisha translate",
        _("Choose 9 My Account, 3 Language."),
    ),
    Rule(
        "change badilisha badili",
        "pin new old somebody knows saw mpya zamani anajua ameiona",
        _("Choose 9 My Account, 2 Change PIN. You need the PIN that you have now."),
    ),
    Rule(
        "private privacy hide secret faragha ficha siri",
        "balance salio see ona somebody",
        _("To have your PIN asked before your balance is shown, choose 9 My Account, then 4 Balance privacy."),
    ),
    Rule(
        "fee fees cost charge price tariff expensive ada ghali gharama makato tozo",
        "much send withdraw tuma toa kiasi gani",
        _("Choose 7 Help, 1 Fees and write an amount: you see what sending and withdrawing it costs. Receiving is free."),
    ),
    Rule(
        "limit most maximum minimum kikomo kiwango mipaka",
        "largest least day send zaidi juu siku",
        _(
            "Your limits are under 9 My Account, 5 My details. "
            "Money that comes back to you does not raise what is left of the day's."
        ),
    ),
    Rule(
        "claim compensation accident sick died death fidia dai kudai nadai mgonjwa ajali amekufa",
        "insurance bima",
        _("Choose 8 Insurance, then Claim. Say what happened and on which day. There you also see how far your claim is."),
    ),
    Rule(
        "insurance insure premium policy bima kinga",
        "cover covers buy nunua health afya",
        _("Choose 8 Insurance: each cover with its price, what it pays, and the ones that you have."),
    ),
    Rule(
        "saving savings save goal akiba lengo malengo",
        "money pesa weka kuweka",
        _("Choose 5 Savings: make a goal, and save into it from your balance whenever you like."),
    ),
    Rule(
        "job jobs work employment employ hire worker vacancy kazi ajira ajiri kibarua vibarua mfanyakazi",
        "find looking apply natafuta omba",
        _("Choose 6 Jobs to find work near you, or to give work. The pay is kept safe from the hiring until the job is done."),
    ),
    Rule(
        "agent agents wakala mawakala",
        "shop near nearest where find duka karibu wapi tafuta",
        _("Choose 7 Help, 2 Find an agent, and write the name of your place."),
    ),
    Rule(
        "statement history transactions arrived taarifa historia miamala muamala haijafika sijapata sijapokea",
        "last past payments money received pending pesa fika received",
        _("Your last payments, in and out, are under 9 My Account, 1 Mini statement. What is not there has not reached us."),
    ),
    Rule(
        "details kitambulisho name jina",
        "phone number national registered zangu",
        _("What we know of you is under 9 My Account, 5 My details."),
    ),
    Rule(
        "contact talk office human complain complaint hours wasiliana ongea ofisi huduma lalamika lalamiko",
        "call customer care person people open time saa mtu watu",
        _("{service_code} is open day and night. To talk to somebody, go to any Jasho agent and bring your ID."),
    ),
    Rule(
        "safe trust bank secure salama amana benki hifadhi",
        "money keep pesa",
        _("Your money lies in a trust account at a bank. Only your PIN moves it."),
    ),
    Rule(
        "withdraw withdrawal cash natoa nitoe nitatoa ninatoa kutoa toa",
        "out mpesa money pesa taslimu mkononi",
        _("Choose 3 Withdraw: cash at a Jasho agent, or to M-Pesa. The fee is shown before you confirm with your PIN."),
        Ability.PAY_OUT,
        _("Choose 3 Withdraw: cash at a Jasho agent. The fee is shown before you confirm with your PIN."),
    ),
    Rule(
        "send transfer pay tuma tume tumia lipa lipe",
        "money friend pesa rafiki number",
        _("Choose 4 Send Money: the number, the amount, then your PIN. You see the name and the fee before you confirm."),
    ),
    Rule(
        "deposit top topup kuweka weka weke",
        "add put load money cash mpesa pesa",
        _("Choose 2 Deposit: from M-Pesa, or give cash and your phone number to a Jasho agent. It is free."),
        Ability.COLLECT,
        _("Choose 2 Deposit: give cash and your phone number to a Jasho agent, and wait for our SMS. It is free."),
    ),
    Rule(
        "sms message text ujumbe meseji",
        "send write command commands tuma andika amri",
        _("By SMS: BAL, SEND 500 0722000111, SAVE 200, JOBS, COVER. Send HELP to us for all of them. Never write your PIN."),
    ),
    Rule(
        "balance salio",
        "much money have left pesa ngapi kiasi nina ninayo",
        _("From the first menu choose 1 Check Balance. It costs nothing."),
    ),
)

# Words of every question, which would otherwise be taken for a word above that looks like them.
COMMON = (
    "a an and any are be can do does for from go how i in is it looking me my of on one or some that the this to want what when "
    "which who why will with would you your changu hii huu je kama kila kutoka kwa langu leo na nataka ni ninataka nini "
    "ninawezaje nawezaje niko wa ya yangu yako za"
)

UNKNOWN = _(
    "We found no answer to that. Try other words, about balance, deposit, sending, fees, PIN, savings, jobs, insurance, agents "
    "or limits."
)
NEVER_WRITE_PIN = _("Please never write your PIN in a question.")
